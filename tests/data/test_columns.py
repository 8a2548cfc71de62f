"""Columns hold what was put in, and behave as the sequences and mappings that they stand for."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.data import columns as module
from xlpl_plugin.data.columns import (
    CodedTexts,
    ColumnMapping,
    FloatRows,
    NumberRows,
    RowsOf,
    TextColumn,
    TextIndex,
    different_texts,
    first_repeat,
    repeated_texts,
    sorted_rows,
)
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance, UtteranceColumns

TEXTS = st.lists(st.text(), max_size=20)


def test_texts_that_are_longer_than_small_numbers_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL", "B")  # up to 255 bytes, in place of 4 GB
    texts = ["a" * 100, "b" * 155, "", "c", "d" * 300, "e"]
    column = TextColumn(texts)
    assert list(column) == texts
    assert list(pickle.loads(pickle.dumps(column))) == texts


FEW = st.lists(st.sampled_from(["", "a", "b", "\N{LATIN SMALL LETTER E WITH ACUTE}", "ab"]), max_size=20)


@pytest.mark.parametrize("kind", [TextColumn, CodedTexts])
@given(texts=TEXTS | FEW, part=st.slices(20))
def test_texts_come_back(kind: type[TextColumn | CodedTexts], texts: list[str], part: slice) -> None:
    column = kind(texts)
    assert (list(column), len(column)) == (texts, len(texts))
    assert [column[row] for row in range(-len(texts), len(texts))] == texts * 2
    assert list(column[part]) == texts[part]
    with pytest.raises(IndexError):
        column[len(texts)]


@given(FEW)
def test_rows_of_a_text(texts: list[str]) -> None:
    column = CodedTexts(texts)
    for text in {*texts, "none of them"}:
        assert column.rows_of(text).tolist() == [row for row, other in enumerate(texts) if other == text]


@given(TEXTS, st.slices(20))
def test_rows_that_are_computed(texts: list[str], part: slice) -> None:
    backwards = RowsOf(texts.__getitem__, range(len(texts) - 1, -1, -1))
    assert list(backwards) == [backwards[row] for row in range(len(texts))] == texts[::-1]
    assert list(backwards[part]) == texts[::-1][part]
    assert list(backwards.take(range(len(texts)))) == texts[::-1]


@given(FEW)
def test_different_texts_are_numbered_as_they_come(texts: list[str]) -> None:
    order = list(dict.fromkeys(texts))
    for found in (different_texts(TextColumn(texts)), different_texts([_Alike(text) for text in texts])):
        assert found.numbers.tolist() == [order.index(text) for text in texts]
        assert found.first.tolist() == [texts.index(text) for text in order]
    twice = [text for text in order if texts.count(text) > 1]
    assert repeated_texts(TextColumn(texts)) == repeated_texts([_Alike(text) for text in texts]) == twice


@given(TEXTS | FEW)
def test_rows_in_the_order_of_their_texts(texts: list[str]) -> None:
    expected = sorted(range(len(texts)), key=lambda row: texts[row])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SORTED", 3)
        assert list(sorted_rows(TextColumn(texts))) == expected


@given(st.lists(st.lists(st.integers(-9, 9)), max_size=9), st.slices(9))
def test_rows_of_numbers_come_back(rows: list[list[int]], part: slice) -> None:
    column = NumberRows(rows, "i")
    assert [row.tolist() for row in column] == rows
    assert [row.tolist() for row in column[part]] == rows[part]
    assert list(FloatRows(column)) == [tuple(row) for row in rows]
    joined = NumberRows.joined([column, column], "i")
    assert [row.tolist() for row in joined] == rows * 2


@given(st.lists(st.text(), unique=True, max_size=20), st.text())
def test_an_index_finds_each_text_and_no_other(texts: list[str], other: str) -> None:
    index = TextIndex(TextColumn(texts))
    assert [index.find(text) for text in texts] == list(range(len(texts)))
    assert [index.find(text) for text in texts[::-1]] == list(range(len(texts)))[::-1]
    assert (index.find(other) is None) == (other not in texts)


class _Alike(str):
    """A text with the same hash as any other of its kind."""

    def __hash__(self) -> int:
        return 7


def test_texts_of_one_hash_are_told_apart() -> None:
    texts = [_Alike("a"), _Alike("b"), _Alike("c")]
    index = TextIndex(texts)
    assert [index.find(text) for text in texts] == [0, 1, 2]
    assert index.find(_Alike("d")) is None
    assert first_repeat(texts) is None
    assert first_repeat([*texts, _Alike("b")]) == (3, 1)


@given(st.lists(st.sampled_from("abcdef"), max_size=8))
def test_the_first_repeat(texts: list[str]) -> None:
    expected = next(((row, texts.index(text)) for row, text in enumerate(texts) if texts.index(text) < row), None)
    assert first_repeat(texts) == expected


@given(st.dictionaries(st.text(), st.text(), max_size=9))
def test_a_mapping_of_columns_is_a_mapping(pairs: dict[str, str]) -> None:
    mapping = ColumnMapping(TextColumn(pairs), TextColumn(pairs.values()))
    assert dict(mapping) == pairs
    assert list(mapping.values()) == list(pairs.values())
    assert list(mapping.items()) == list(pairs.items())
    assert mapping == pairs
    assert mapping == ColumnMapping(TextColumn(pairs), TextColumn(pairs.values()))
    assert mapping != {**pairs, "one more": ""}
    assert mapping.get("none of them, since it is long") is None
    assert list(mapping.of_same_keys(range(len(pairs))).values()) == list(range(len(pairs)))


LABELLED = [Utterance(f"{name}.flac", size, name, " ".join(name), size / 10) for size, name in enumerate("abcd", 1)]
BARE = [Utterance(f"{name}.flac", size) for size, name in enumerate("abcd", 1)]


@pytest.mark.parametrize("rows", [LABELLED, BARE, []])
def test_utterances_as_columns(rows: Sequence[Utterance]) -> None:
    columns = UtteranceColumns.of(rows)
    assert list(columns) == [columns[row] for row in range(len(rows))] == list(rows)
    assert columns == tuple(rows)
    assert columns[1:3] == tuple(rows[1:3])
    assert columns.take([2, 0]) == [rows[2], rows[0]] if rows else columns.take([]) == []
    assert UtteranceColumns.of(columns) is columns
    assert columns.samples.tolist() == [row.num_samples for row in rows]
    assert columns.weights.tolist() == [row.weight for row in rows]
    # as it goes to a process that reads audio
    assert pickle.loads(pickle.dumps(columns)) == columns


def test_joined_columns_keep_weights_and_no_texts() -> None:
    labelled, bare = UtteranceColumns.of(LABELLED), UtteranceColumns.of(BARE)
    joined = UtteranceColumns.joined([labelled, bare])
    assert [(row.path, row.weight) for row in joined] == [(row.path, row.weight) for row in (*LABELLED, *BARE)]
    assert {row.words for row in joined} == {None}
    assert UtteranceColumns.joined([labelled]) == labelled.without_texts()


def test_labels_of_some_utterances_make_no_column() -> None:
    with pytest.raises(ValueError, match="1 texts of 2 utterances"):
        UtteranceColumns.of([LABELLED[0], BARE[1]])


@pytest.mark.parametrize("rows", [LABELLED, BARE, []])
def test_a_written_manifest_is_read_as_columns(rows: Sequence[Utterance], tmp_path: Path) -> None:
    write_manifest(tmp_path, "train", Manifest(tmp_path, rows))
    manifest = read_manifest(tmp_path, "train")
    assert isinstance(manifest.utterances, UtteranceColumns)
    assert manifest.utterances == rows
    assert manifest == Manifest(tmp_path, manifest.utterances)


def test_a_split_written_again_keeps_no_labels_of_the_former(tmp_path: Path) -> None:
    labelled = Utterance("one.flac", 16_000, "uno", "u n o |", 0.5, (0, 8_000))
    write_manifest(tmp_path, "train", Manifest(tmp_path, (labelled,)))
    assert {file.suffix for file in tmp_path.iterdir()} == {".tsv", ".wrd", ".ltr", ".weight", ".stretch"}
    for rows in ((Utterance("two.flac", 16_000),), ()):
        write_manifest(tmp_path, "train", Manifest(tmp_path, rows))
        assert [file.name for file in tmp_path.iterdir()] == ["train.tsv"]
