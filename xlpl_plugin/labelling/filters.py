"""Which labels a student learns from, and how much each counts. Filters give reasons; none sees a reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.filter_columns import Column, Measurer, Traits
from xlpl_plugin.labelling.other_labels import OtherLabels, letter_nats, unknown_share
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord


@dataclass
class FilterConfig:
    """Thresholds; 0 turns a filter off. Empty labels and those too long for their audio always go.

    Filters apply in the order of this list. Each ``drop_`` is a fraction (0 to 1) of the labels that the filters
    before it left: for measures without a natural threshold.
    """

    # seconds of one output frame of the student; 0: as the labelling model's frames
    student_frame_seconds: float = 0.0
    # at least so many letters; 2 removes one-letter output
    min_letters: int = 0
    # letters for each second of audio: few where the search gave up speech, many where it made some up
    min_letters_per_second: float = 0.0
    max_letters_per_second: float = 0.0
    # the same of words
    min_words_per_second: float = 0.0
    max_words_per_second: float = 0.0
    # at most this share (0 to 1) of pairs of neighbouring words that were in the label before ('la la la': 0.5)
    max_repeats: float = 0.0
    # natural log probability a frame of the label's alignment, below 0
    min_frame_score: float = 0.0
    # nats a unit by which the acoustic model likes its own greedy output better
    max_greedy_gap: float = 0.0
    # at least this agreement (0 to 1) with the acoustic model's greedy output
    min_agreement: float = 0.0
    # labels of the same utterances by another acoustic model or round: a folder of labels, or its labels.jsonl
    other: str = ""
    # at least this agreement (0 to 1) with them
    min_other_agreement: float = 0.0
    # an n-gram model over units (xlpl lm --characters)
    letters_lm: str = ""
    # at most so many nats a letter under it
    max_letter_nats: float = 0.0
    # a lexicon file whose words count as known; for labels decoded without a lexicon
    vocabulary: str = ""
    # at most this share (0 to 1) of words outside it
    max_unknown: float = 0.0
    drop_least_confident: float = 0.0
    drop_least_agreeing: float = 0.0
    drop_widest_greedy_gap: float = 0.0
    drop_least_agreeing_with_other: float = 0.0
    drop_least_plausible: float = 0.0
    # weigh the kept labels in training by confidence, agreement or other_agreement; empty: all alike. Their mean
    # stays 1, so that the target pulls as hard as without weights. Confidence by default: of what was trained on the
    # same labels only this beat taking them all as they are (docs/results/filters.md)
    weight_by: str = "confidence"
    # the power to which that is raised: the higher, the less the worse labels count
    weight_power: float = 1.0

    def check(self) -> None:
        """Raise ``XlplError`` for values out of range, and for filters that lack the file they need."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                continue
            expected, good = _expectation(field.name, value)
            if not good or not math.isfinite(value):
                raise XlplError(f"filter.{field.name}={value}", expected=expected)
        if self.weight_by and self.weight_by not in WEIGHT_COLUMNS:
            raise XlplError(f"filter.weight_by={self.weight_by}", expected=" or ".join(WEIGHT_COLUMNS))
        for key, column in [*((rule.key, rule.column) for rule in _active(self)), ("weight_by", self.weight_by)]:
            needed = _NEEDS.get(column)
            if needed and not getattr(self, needed):
                raise XlplError(f"filter.{key} is set, but not filter.{needed}", remedy=f"set filter.{needed}")

    def files(self) -> dict[str, Path]:
        """Return the files that labels are judged by, by their keys."""
        named = {key: Path(getattr(self, key)) for key in _NEEDS.values() if getattr(self, key)}
        return {key: path / LABELS_FILE if path.is_dir() else path for key, path in named.items()}

    def alone(self) -> FilterConfig:
        """Return the same without what compares with other labels."""
        by = "" if self.weight_by == "other_agreement" else self.weight_by
        off: dict[str, Any] = {rule.key: 0.0 for rule in RULES if rule.column == "other_agreement"}
        return replace(self, other="", weight_by=by, **off)


def _expectation(key: str, value: float) -> tuple[str, bool]:
    if key in _SHARES or key.startswith("drop_"):
        return "at least 0 and below 1", 0 <= value < 1
    if key == "min_frame_score":
        return "a number below 0, or 0 for off", value <= 0
    return "a number of at least 0", value >= 0


@dataclass(frozen=True)
class Rule:
    """A filter on one column.

    Attributes:
        name: of the filter, in reasons and tables.
        key: of ``FilterConfig``: a bound, or, if it begins with ``drop_``, a fraction.
        high: whether it is high values that are bad.
        text: what the reason says, with the value.
    """

    name: str
    key: str
    column: str
    high: bool
    text: str


# in the order in which they are applied, after those that always are
RULES = (
    Rule("few_letters", "min_letters", "letters", False, "{:.0f} letters"),
    Rule("slow_speech", "min_letters_per_second", "letters_per_second", False, "{:.2f} letters a second"),
    Rule("fast_speech", "max_letters_per_second", "letters_per_second", True, "{:.2f} letters a second"),
    Rule("slow_words", "min_words_per_second", "words_per_second", False, "{:.2f} words a second"),
    Rule("fast_words", "max_words_per_second", "words_per_second", True, "{:.2f} words a second"),
    Rule("repeats", "max_repeats", "repeats", True, "{:.0%} of the word pairs repeat"),
    Rule("unlikely", "min_frame_score", "frame_score", False, "{:.3f} nats a frame"),
    Rule("gap", "max_greedy_gap", "greedy_gap", True, "{:.3f} nats a unit below greedy"),
    Rule("disagreement", "min_agreement", "agreement", False, "agreement with greedy {:.2f}"),
    Rule("dissent", "min_other_agreement", "other_agreement", False, "agreement with the other labels {:.2f}"),
    Rule("implausible", "max_letter_nats", "letter_nats", True, "{:.3f} nats a letter"),
    Rule("unknown_words", "max_unknown", "unknown", True, "{:.0%} of the words unknown"),
    Rule("unsure", "drop_least_confident", "confidence", False, "confidence {:.3f}"),
    Rule("least_agreeing", "drop_least_agreeing", "agreement", False, "agreement with greedy {:.2f}"),
    Rule("widest_gap", "drop_widest_greedy_gap", "greedy_gap", True, "{:.3f} nats a unit below greedy"),
    Rule(
        "most_dissenting",
        "drop_least_agreeing_with_other",
        "other_agreement",
        False,
        "agreement with the other labels {:.2f}",
    ),
    Rule("least_plausible", "drop_least_plausible", "letter_nats", True, "{:.3f} nats a letter"),
)
WEIGHT_COLUMNS = ("confidence", "agreement", "other_agreement")
# of the heaviest: no kept label counts less
LEAST_WEIGHT = 0.05
# columns that need a file, and the key that names it
_NEEDS = {"other_agreement": "other", "letter_nats": "letters_lm", "unknown": "vocabulary"}
_JUDGES: Mapping[str, Callable[[str], Measurer]] = {
    "other_agreement": lambda path: OtherLabels(path).agreement,
    "letter_nats": letter_nats,
    "unknown": unknown_share,
}
_SHARES = {"min_agreement", "min_other_agreement", "max_repeats", "max_unknown"}


@dataclass(frozen=True)
class FilterRow:
    """What one filter removed of those that the filters before it had left."""

    name: str
    removed: int
    removed_seconds: float
    left: int


@dataclass(frozen=True)
class Choice:
    """What the filters say about the rows of ``Traits``.

    Attributes:
        reasons: row -> "filter: reason", of the labels to drop.
        weights: (rows,) above 0, of mean 1 over the kept labels: what each counts in training. 1 for dropped ones, and
            where there is no weighting.
        rows: what each filter removed, in the order in which they were applied.
    """

    reasons: dict[int, str]
    weights: Column
    rows: list[FilterRow]


# those of the rows left that are to be dropped, with the reason
Dropped = Iterator[tuple[int, str]]
Rows = npt.NDArray[np.intp]
Filter = Callable[[Traits, Rows], Dropped]


def gather(records: Iterable[LabelRecord], config: FilterConfig) -> Traits:
    """Stream over records and measure what ``choose`` needs with this config.

    Raises:
        XlplError: a value out of range, or a file that cannot be used.
    """
    config.check()
    columns = {*(rule.column for rule in _active(config)), config.weight_by}
    extra = {name: judge(getattr(config, _NEEDS[name])) for name, judge in _JUDGES.items() if name in columns}
    return Traits.gather(records, extra)


def choose(traits: Traits, config: FilterConfig) -> Choice:
    """Apply the filters that the config turns on.

    Raises:
        XlplError: a value out of range.
    """
    config.check()
    left = np.arange(len(traits))
    reasons: dict[int, str] = {}
    rows = []
    for name, apply in _filters(config):
        dropped = dict(apply(traits, left))
        gone = np.fromiter(dropped, dtype=np.intp, count=len(dropped))
        left = np.setdiff1d(left, gone, assume_unique=True)
        rows.append(FilterRow(name, len(gone), round(float(traits["seconds"][gone].sum()), 2), len(left)))
        reasons |= {row: f"{name}: {reason}" for row, reason in dropped.items()}
    return Choice(reasons, _weights(traits, left, config), rows)


def failed(traits: Traits, left: Rows) -> Dropped:
    yield from traits.errors.items()


def empty(traits: Traits, left: Rows) -> Dropped:
    for row in left[traits["words"][left] == 0]:
        yield int(row), "no words"


def infeasible(traits: Traits, left: Rows, frame_seconds: float) -> Dropped:
    """CTC cannot emit more units than there are frames, and needs a blank between two alike."""
    frames = np.floor(traits["seconds"] / frame_seconds) if frame_seconds else traits["frames"]
    for row in left[traits["frames_needed"][left] > frames[left]]:
        yield int(row), f"needs {traits['frames_needed'][row]:.0f} frames, has {frames[row]:.0f}"


def beyond(traits: Traits, left: Rows, rule: Rule, bound: float) -> Dropped:
    """Rows on the bad side of a bound."""
    values = traits[rule.column]
    for row in left[values[left] > bound if rule.high else values[left] < bound]:
        yield int(row), rule.text.format(values[row])


def worst(traits: Traits, left: Rows, rule: Rule, fraction: float) -> Dropped:
    """The fraction of rows that are worst; of equal ones those whose ids come first."""
    count = int(len(left) * fraction)
    if not count:
        return
    badness = traits[rule.column][left] * (-1 if rule.high else 1)
    limit = np.partition(badness, count - 1)[count - 1]
    ties = sorted(left[badness == limit], key=lambda row: traits.ids[row])
    for row in [*left[badness < limit], *ties][:count]:
        yield int(row), f"{rule.text.format(traits[rule.column][row])}, among the worst {fraction:.0%}"


def _active(config: FilterConfig) -> list[Rule]:
    return [rule for rule in RULES if getattr(config, rule.key)]


def _filters(config: FilterConfig) -> Iterator[tuple[str, Filter]]:
    yield "failed", failed
    yield "empty", empty
    yield "infeasible", lambda traits, left: infeasible(traits, left, config.student_frame_seconds)
    for rule in _active(config):
        yield rule.name, _bind(worst if rule.key.startswith("drop_") else beyond, rule, getattr(config, rule.key))


def _bind(function: Callable[[Traits, Rows, Rule, float], Dropped], rule: Rule, value: float) -> Filter:
    return lambda traits, left: function(traits, left, rule, value)


def _weights(traits: Traits, kept: Rows, config: FilterConfig) -> Column:
    """Scale to a mean of 1 over the kept labels."""
    weights = np.ones(len(traits))
    if config.weight_by and len(kept):
        values = traits[config.weight_by][kept] ** config.weight_power
        values = np.maximum(values, LEAST_WEIGHT * values.max())
        weights[kept] = values / values.mean() if values.any() else 1.0
    return weights
