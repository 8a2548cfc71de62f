"""Labels as columns say what the labels said."""

from __future__ import annotations

import pytest

from xlpl_plugin.data.transcriber import LabelColumns, Labels, make_transcriber

LABELS = [
    Labels("ciao a tutti", "c i a o | a | t u t t i |", ("ciao a tutti",)),
    Labels("è vero", "e | v e r o |", ("è", "vero")),
    # pieces of several letters
    Labels("hello", "▁he l lo", ("hello",)),
    Labels("a b", "ab b", ("a", "a b", "b")),
]


def test_labels_come_back() -> None:
    columns = LabelColumns()
    rows = [0, 1, 5, 6]
    for row, label in zip(rows, LABELS, strict=True):
        columns.put(row, label)
    assert columns.labelled
    for row, label in zip(rows, LABELS, strict=True):
        assert (columns.words[row], columns.units(row), columns.sentences(row)) == (
            label.words,
            label.units,
            label.sentences,
        )
    assert (columns.words[3], columns.units(3)) == ("", "")
    assert [columns.letters(row) for row in rows] == [10, 5, 5, 2]


def test_where_nothing_has_words_there_are_no_letters() -> None:
    columns = LabelColumns()
    columns.put(2, Labels())
    assert not columns.labelled
    assert (columns.sentences(2), columns.letters(2)) == ((), None)


@pytest.mark.parametrize("text", ["Ciao. A tutti!", "Uno", "Già fatto? Sì."])
def test_what_the_transcriber_says_comes_back(text: str) -> None:
    label = make_transcriber("it", "unidecode")(text)
    columns = LabelColumns()
    columns.put(0, label)
    assert (columns.words[0], columns.units(0), columns.sentences(0)) == (label.words, label.units, label.sentences)
