"""Filters and records."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from xlpl_plugin.decoding import Hypothesis
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels.filters import Choice, FilterConfig, choose, gather
from xlpl_plugin.labels.records import LabelRecord, agreement, frames_needed, make_record, read_labels, write_labels


def record(
    name: str, units: str = "a b |", greedy: str = "a b |", am_score: float = -5.0, frames: int = 50
) -> LabelRecord:
    def hypothesis(units: str, score: float) -> Hypothesis:
        words = tuple(units.replace(" ", "").split("|")[:-1])
        starts = tuple(range(len(units.split())))
        confidences = (math.exp(score / frames),) * len(words)
        return Hypothesis(words, tuple(units.split()), score, -1.0, score, starts, confidences=confidences)

    return make_record(name, frames * 0.04, frames, hypothesis(units, am_score), hypothesis(greedy, -4.0))


def chosen(records: list[LabelRecord], config: FilterConfig) -> Choice:
    return choose(gather(iter(records), config), config)


def reasons(records: list[LabelRecord], config: FilterConfig) -> dict[str, str]:
    return {records[row].id: reason for row, reason in chosen(records, config).reasons.items()}


@pytest.mark.parametrize(
    "config",
    [
        FilterConfig(min_agreement=1.5),
        FilterConfig(drop_least_confident=1.0),
        FilterConfig(min_letters_per_second=-1.0),
        FilterConfig(student_frame_seconds=float("inf")),
    ],
)
def test_thresholds_out_of_range_are_refused(config: FilterConfig) -> None:
    with pytest.raises(XlplError, match="filter"):
        chosen([], config)


def test_labels_that_cannot_be_learned_go_whatever_the_config() -> None:
    records = [
        record("good"),
        record("silent", units=""),
        record("dense", units="a a b |", frames=4),
        record("tight", units="a b a |", frames=4),
        make_record("crashed", 1.0, 25, None, None),
        make_record("tiny", 0.01, 0, None, None),
    ]
    assert reasons(records, FilterConfig()) == {
        "silent": "empty: no words",
        "dense": "infeasible: needs 5 frames, has 4",
        "crashed": "failed: the decoder's process died twice on it",
        "tiny": "failed: too short for a frame",
    }


def test_feasibility_is_that_of_the_student() -> None:
    assert reasons([record("u", frames=10)], FilterConfig(student_frame_seconds=0.08)) == {}
    assert list(reasons([record("u", frames=10)], FilterConfig(student_frame_seconds=0.16))) == ["u"]


def test_each_filter_drops_what_it_names() -> None:
    records = [record("near", "a b |", "a b |"), record("far", "a b |", "b b a |"), record("short", "a |", "a |")]
    assert reasons(records, FilterConfig(min_agreement=0.6)) == {"far": "disagreement: agreement with greedy 0.50"}
    assert reasons(records, FilterConfig(min_letters=2)) == {"short": "few_letters: 1 letters"}
    assert reasons(records, FilterConfig(min_letters_per_second=0.8)) == {"short": "slow_speech: 0.50 letters a second"}


def test_confidence_quantile_is_of_what_other_filters_left() -> None:
    records = [record(f"u{i}", am_score=-float(i + 1)) for i in range(8)] + [record("e1", ""), record("e2", "")]
    assert set(reasons(records, FilterConfig(drop_least_confident=0.25))) == {"e1", "e2", "u6", "u7"}


def test_table_accounts_for_every_label() -> None:
    records = [record("near"), record("far", greedy="b b a |"), record("silent", "")]
    rows = chosen(records, FilterConfig(min_agreement=0.6)).rows
    assert {row.name: (row.removed, row.left) for row in rows if row.removed} == {
        "empty": (1, 2),
        "disagreement": (1, 1),
    }
    assert sum(row.removed_seconds for row in rows) == pytest.approx(4.0)


def test_agreement_and_frames_needed() -> None:
    assert agreement(["a", "b", "|"], ["a", "b", "|"]) == 1.0
    assert agreement([], ["a", "b"]) == 0.0
    assert agreement([], []) == 1.0
    assert agreement(["a"], ["a", "b", "c", "d"]) == 0.25
    assert frames_needed([]) == 0
    assert frames_needed(["a", "a", "a", "b"]) == 6


def test_records_come_back_as_written(tmp_path: Path) -> None:
    records = [replace(record("sp/1"), words=("però", "ты")), record("2", "", "")]
    write_labels(tmp_path / "labels.jsonl", records)
    assert read_labels(tmp_path / "labels.jsonl") == records


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "x"}'])
def test_damaged_labels_are_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "labels.jsonl"
    write_labels(file, [record("a")])
    file.write_text(f"{file.read_text()}{line}\n")
    with pytest.raises(XlplError, match=r"labels\.jsonl:2: not a label record"):
        read_labels(file)


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.jsonl", [record("a"), record("a")])
    with pytest.raises(XlplError, match=r"labels\.jsonl:2: id 'a'"):
        read_labels(tmp_path / "labels.jsonl")
