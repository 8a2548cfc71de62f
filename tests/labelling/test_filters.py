"""Filters and records."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.data.units import frames_needed
from xlpl_plugin.decoding import Hypothesis
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.filtering.filter_columns import Traits, repeats
from xlpl_plugin.labelling.filtering.filters import LEAST_WEIGHT, RULES, Choice, FilterConfig, choose, gather
from xlpl_plugin.labelling.filtering.other_labels import letter_nats, unknown_share
from xlpl_plugin.labelling.records import LabelRecord, agreement, make_record, read_labels, record_line

# as good as without memory, and the end of a label costs nothing
LETTERS = """\\data\\
ngram 1=6
ngram 2=1

\\1-grams:
-4\t<unk>
-99\t<s>
0\t</s>
-1\ta
-2\tb
-0.5\t|

\\2-grams:
-1\ta a

\\end\\
"""


def record(
    name: str, units: str = "a b |", greedy: str = "a b |", am_score: float = -5.0, frames: int = 50
) -> LabelRecord:
    def hypothesis(units: str, score: float) -> Hypothesis:
        words = tuple(units.replace(" ", "").split("|")[:-1])
        starts = tuple(range(len(units.split())))
        confidences = (math.exp(score / frames),) * len(words)
        return Hypothesis(words, tuple(units.split()), score, -1.0, score, starts, confidences=confidences)

    return make_record(name, frames * 0.04, frames, hypothesis(units, am_score), hypothesis(greedy, -4.0))


def write_labels(file: Path, records: list[LabelRecord]) -> None:
    write_lines(file, map(record_line, records))


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
        FilterConfig(min_frame_score=0.1),
        FilterConfig(weight_by="loudness"),
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


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_letters_per_second": 1.5}, {"long": "fast_speech: 2.00 letters a second"}),
        ({"min_words_per_second": 0.6}, {"word": "slow_words: 0.50 words a second"}),
        ({"max_words_per_second": 1.5}, {"long": "fast_words: 2.00 words a second"}),
        ({"max_repeats": 0.5}, {"long": "repeats: 67% of the word pairs repeat"}),
        ({"min_frame_score": -0.15}, {"word": "unlikely: -0.200 nats a frame"}),
        ({"max_greedy_gap": 1.0}, {"word": "gap: 2.000 nats a unit below greedy"}),
    ],
)
def test_bounds(config: dict[str, Any], expected: dict[str, str]) -> None:
    records = [
        record("word", "a b |", am_score=-10.0),
        record("pair", "a | b |", am_score=-6.0),
        record("long", "a | a | a | a |", am_score=-5.0),
    ]
    assert reasons(records, FilterConfig(**config)) == expected


def test_a_value_on_the_bound_stays() -> None:
    assert reasons([record("u", "a b |", "b b a |")], FilterConfig(min_agreement=0.5)) == {}
    assert reasons([record("u", "a | a | a |")], FilterConfig(max_repeats=0.5)) == {}


def test_repeats_are_of_pairs_of_words() -> None:
    assert repeats([]) == repeats(["la"]) == repeats(["la", "la"]) == 0.0
    assert repeats(list("abcadb")) == 0.0
    assert repeats(list("abab")) == pytest.approx(1 / 3)


def test_confidence_quantile_is_of_what_other_filters_left() -> None:
    records = [record(f"u{i}", am_score=-float(i + 1)) for i in range(8)] + [record("e1", ""), record("e2", "")]
    assert set(reasons(records, FilterConfig(drop_least_confident=0.25))) == {"e1", "e2", "u6", "u7"}


def test_fractions_drop_the_bad_end() -> None:
    records = [
        record("good", "a b |", "a b |", -6.0),
        record("bad", "a b |", "b b a |", -9.0),
        record("worse", "a |", "b |"),
    ]
    dropped = {"bad": "least_agreeing: agreement with greedy 0.50, among the worst 34%"}
    assert reasons(records, FilterConfig(drop_least_agreeing=0.34)) == dropped
    assert list(reasons(records, FilterConfig(drop_widest_greedy_gap=0.34))) == ["bad"]


@given(
    scores=st.lists(st.sampled_from([-3.0, -5.0, -8.0]), max_size=12),
    fraction=st.floats(0.01, 0.99),
    shuffling=st.randoms(use_true_random=False),
)
def test_a_fraction_does_not_depend_on_the_order(
    scores: list[float], fraction: float, shuffling: random.Random
) -> None:
    records = [record(f"u{i}", am_score=score) for i, score in enumerate(scores)]
    config = FilterConfig(drop_least_confident=fraction)
    dropped = reasons(records, config)
    assert len(dropped) == int(len(records) * fraction)
    kept = [score for i, score in enumerate(scores) if f"u{i}" not in dropped]
    assert max((scores[int(name[1:])] for name in dropped), default=-99) <= min(kept, default=0)
    shuffling.shuffle(records)
    assert reasons(records, config) == dropped


def test_filters_apply_in_the_order_of_the_config() -> None:
    keys = [rule.key for rule in RULES]
    assert keys == [key for key in vars(FilterConfig()) if key in keys]
    config = FilterConfig(min_letters=2, min_agreement=0.5, drop_least_confident=0.5)
    rows = chosen([record("far", "a b |", "b b b a a |"), record("short", "a |", "b |"), record("u")], config).rows
    assert [(row.name, row.removed) for row in rows[3:]] == [("few_letters", 1), ("disagreement", 1), ("unsure", 0)]


def test_agreement_with_other_labels_whatever_their_order(tmp_path: Path) -> None:
    others = [
        record(name, units) for name, units in (("c", "a b |"), ("b", "a a |"), ("extra", "b |"), ("a", "b b a |"))
    ]
    write_labels(tmp_path / "labels.jsonl", others)
    records = [record("a"), record("b"), record("c")]
    for other in (tmp_path, tmp_path / "labels.jsonl"):
        config = FilterConfig(other=str(other), min_other_agreement=0.7)
        assert reasons(records, config) == {
            "a": "dissent: agreement with the other labels 0.50",
            "b": "dissent: agreement with the other labels 0.67",
        }
        config = FilterConfig(other=str(other), drop_least_agreeing_with_other=0.34)
        assert list(reasons(records, config)) == ["a"]


def test_other_labels_of_other_utterances_are_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.jsonl", [record("a")])
    config = FilterConfig(other=str(tmp_path), min_other_agreement=0.5)
    with pytest.raises(XlplError, match=r"labels\.jsonl: no label of the utterance 'b'"):
        chosen([record("a"), record("b")], config)
    (tmp_path / "labels.jsonl").write_text("{}\n")
    with pytest.raises(XlplError, match=r"labels\.jsonl:1: not a label record"):
        chosen([record("a")], config)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"min_other_agreement": 0.5}, "filter.other"),
        ({"max_letter_nats": 3.0}, "filter.letters_lm"),
        ({"max_unknown": 0.5}, "filter.vocabulary"),
        ({"weight_by": "other_agreement"}, "filter.other"),
    ],
)
def test_a_filter_without_its_file_is_refused(values: dict[str, Any], missing: str) -> None:
    with pytest.raises(XlplError, match=f"but not {missing}"):
        chosen([record("a")], FilterConfig(**values))


def test_plausibility_under_an_lm_over_letters(tmp_path: Path) -> None:
    lm = tmp_path / "letters.arpa"
    lm.write_text(LETTERS)
    assert letter_nats(lm)(record("u", "a b |")) == pytest.approx(3.5 * math.log(10) / 2)
    assert letter_nats(lm)(record("u", "a c |")) == pytest.approx(5.5 * math.log(10) / 2)
    records = [record("likely", "a a |"), record("odd", "a b b |"), record("odder", "c |")]
    bound = FilterConfig(letters_lm=str(lm), max_letter_nats=5.0)
    assert reasons(records, bound) == {"odder": "implausible: 10.362 nats a letter"}
    fraction = FilterConfig(letters_lm=str(lm), drop_least_plausible=0.67)
    assert set(reasons(records, fraction)) == {"odd", "odder"}


def test_words_outside_a_vocabulary_are_told_by_their_spelling(tmp_path: Path) -> None:
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("Àb\ta b |\nB\tb |\n")
    assert unknown_share(lexicon)(replace(record("native", "a b | b |"), words=("Àb", "B"))) == 0.0
    records = [record("half", "a b | a |"), record("none", "a | b a |"), record("all", "b |")]
    config = FilterConfig(vocabulary=str(lexicon), max_unknown=0.5)
    assert reasons(records, config) == {"none": "unknown_words: 100% of the words unknown"}


def test_weights_follow_the_column_and_keep_the_mean() -> None:
    records = [record("near"), record("far", "a b |", "b b a |"), record("silent", "")]
    weights = chosen(records, FilterConfig(weight_by="agreement")).weights
    assert weights == pytest.approx([4 / 3, 2 / 3, 1.0])
    squared = chosen(records, FilterConfig(weight_by="agreement", weight_power=2.0)).weights
    assert squared == pytest.approx([1.6, 0.4, 1.0])
    assert chosen(records, FilterConfig(weight_by="")).weights.tolist() == [1.0, 1.0, 1.0]


def test_no_kept_label_loses_all_weight() -> None:
    records = [record("near"), record("nothing", "a b |", "")]
    near, nothing = chosen(records, FilterConfig(weight_by="agreement")).weights
    assert nothing == pytest.approx(LEAST_WEIGHT * near)
    assert chosen(records[1:], FilterConfig(weight_by="agreement")).weights.tolist() == [1.0]


def test_traits_are_gathered_in_one_pass_and_small() -> None:
    traits = Traits.gather((record(f"u{i}") for i in range(100)), {"extra": lambda label: len(label.id)})
    assert len(traits) == 100
    assert traits["extra"].tolist() == [2.0] * 10 + [3.0] * 90
    assert traits["agreement"].dtype == np.float64
    assert sum(column.nbytes for column in traits.columns.values()) < 200 * len(traits)


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
