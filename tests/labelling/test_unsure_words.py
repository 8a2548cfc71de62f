"""Students hear the stretches between the least sure words, and learn no unsure word."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.label_records import record, write_labels

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.filtering.unsure_words import SureLabels, drop_unsure_words
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord

SECOND = 16_000


def label(key: str, words: str, confidences: list[float], *, pieces: bool = False, kept: bool = True) -> LabelRecord:
    """A label whose words are spoken a second each, with half a second between them."""
    spelled = (("▁" if pieces else "") + " ".join(word) + ("" if pieces else " |") for word in words.split())
    times = tuple((1.5 * number, 1.5 * number + 1) for number in range(len(confidences)))
    told = {"units": " ".join(spelled), "word_times": times, "word_confidences": tuple(confidences), "kept": kept}
    return replace(record(key, words, words), **told)


def dropped(folder: Path, records: list[LabelRecord], share: float, below: float = 1.0) -> SureLabels:
    write_labels(folder, records)
    rows = tuple(
        Utterance(f"{one.id}.wav", int(1.5 * SECOND * len(one.words)), one.text, one.units, one.weight)
        for one in records
        if one.kept
    )
    write_manifest(folder, "train", Manifest(folder, rows))
    return drop_unsure_words(read_manifest(folder, "train"), folder / LABELS_FILE, share, below)


def test_stretches_reach_halfway_to_what_is_dropped(tmp_path: Path) -> None:
    records = [label("a", "one two three four", [0.9, 0.1, 0.8, 0.7]), label("b", "no", [0.2])]
    found = dropped(tmp_path, records, 0.4)
    assert (found.words, found.dropped, found.emptied) == (5, 2, 1)
    first, second = found.labels.utterances
    assert (first.words, first.units, first.stretch) == ("one", "o n e |", (0, int(1.25 * SECOND)))
    assert (second.words, second.units) == ("three four", "t h r e e | f o u r |")
    assert second.stretch == (int(2.75 * SECOND), 6 * SECOND)
    assert first.id == "a#0-20000"
    assert "2 of 5 words" in found.told()


def test_a_label_that_is_sure_throughout_stays_whole(tmp_path: Path) -> None:
    found = dropped(tmp_path, [label("a", "one two", [0.9, 0.8]), label("b", "no yes", [0.1, 0.9])], 0.25)
    assert (found.labels.utterances[0].words, found.labels.utterances[0].stretch) == ("one two", None)


def test_words_that_are_sure_enough_stay(tmp_path: Path) -> None:
    records = [label("a", "one two three", [0.9, 0.1, 0.3])]
    assert [row.words for row in dropped(tmp_path / "some", records, 0.7, 0.3).labels.utterances] == ["one", "three"]
    assert dropped(tmp_path / "none", records, 0.7, 0.1).dropped == 0


def test_pieces_go_with_their_words(tmp_path: Path) -> None:
    [row] = dropped(tmp_path, [label("a", "one two", [0.1, 0.9], pieces=True)], 0.5).labels.utterances
    assert (row.words, row.units) == ("two", "▁t w o")


def test_what_filters_dropped_counts_for_nothing(tmp_path: Path) -> None:
    records = [label("a", "one two", [0.5, 0.6]), label("b", "no", [0.1], kept=False)]
    found = dropped(tmp_path, records, 0.5)
    assert (found.words, [row.words for row in found.labels.utterances]) == (2, ["two"])


def test_labels_without_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"labels\.jsonl:2: the label of 'b' does not say when") as caught:
        dropped(tmp_path, [label("a", "one", [0.5]), replace(label("b", "no", [0.1]), word_times=())], 0.5)
    assert "student.drop_unsure_words=0" in str(caught.value)


@settings(max_examples=20)
@given(
    confidences=st.lists(st.lists(st.integers(1, 5).map(float), min_size=1, max_size=6), min_size=1, max_size=5),
    share=st.sampled_from([0.1, 0.3, 0.5, 0.9]),
)
def test_all_words_but_the_least_sure_are_taught_once(
    tmp_path_factory: pytest.TempPathFactory, confidences: list[list[float]], share: float
) -> None:
    records = [
        label(f"u{number}", " ".join(f"w{number}x{place}" for place in range(len(row))), row)
        for number, row in enumerate(confidences)
    ]
    found = dropped(tmp_path_factory.mktemp("labels"), records, share, 6)
    everything = sorted(itertools.chain(*confidences))
    least = everything[int(len(everything) * share)]
    taught = [word for row in found.labels.utterances for word in (row.words or "").split()]
    expected = [
        word for one in records for word, sure in zip(one.words, one.word_confidences, strict=True) if sure >= least
    ]
    assert taught == expected
    assert found.dropped == found.words - len(taught)
    for _, rows in itertools.groupby(found.labels.utterances, key=lambda row: row.path):
        edges = [edge for row in rows for edge in (row.stretch or (0, row.num_samples))]
        assert edges == sorted(edges)
