"""Which labels a student learns from, and how much each counts. Filters give reasons; none sees a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.filtering.filter_columns import Column, Measurer, Traits
from xlpl_plugin.labelling.filtering.other_labels import OtherLabels, letter_nats, unknown_share
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord
from xlpl_plugin.schema import check_options, join, option

WEIGHT_COLUMNS = ("confidence", "agreement", "other_agreement")


@dataclass
class FilterConfig:
    """Thresholds; 0 turns a filter off. Empty labels and those too long for their audio always go.

    Filters apply in the order of this list. Each ``drop_`` is a fraction (0 to 1) of the labels that the filters
    before it left: for measures without a natural threshold.
    """

    student_frame_seconds: float = option(
        0.0, "seconds of one output frame of the student; 0: as the labelling model's frames", least=0
    )
    min_letters: int = option(0, "at least so many letters; 2 removes one-letter output", least=0)
    min_letters_per_second: float = option(
        0.0, "at least so many letters for each second of audio: few where the search gave up speech", least=0
    )
    max_letters_per_second: float = option(
        0.0, "at most so many letters for each second of audio: many where the search made some up", least=0
    )
    min_words_per_second: float = option(0.0, "at least so many words for each second of audio", least=0)
    max_words_per_second: float = option(0.0, "at most so many words for each second of audio", least=0)
    max_repeats: float = option(
        0.0,
        "at most this share (0 to 1) of pairs of neighbouring words that were in the label before ('la la la': 0.5)",
        least=0,
        below=1,
    )
    min_frame_score: float = option(0.0, "natural log probability a frame of the label's alignment, below 0", most=0)
    max_greedy_gap: float = option(
        0.0, "nats a unit by which the acoustic model likes its own greedy output better", least=0
    )
    min_agreement: float = option(
        0.0, "at least this agreement (0 to 1) with the acoustic model's greedy output", least=0, below=1
    )
    other: str = option(
        "", "labels of the same utterances by another acoustic model or round: a folder of labels, or its labels.jsonl"
    )
    min_other_agreement: float = option(
        0.0, "at least this agreement (0 to 1) with the labels of `other`", least=0, below=1
    )
    letters_lm: str = option("", "an n-gram model over units (xlpl lm --characters)", file="an n-gram model over units")
    max_letter_nats: float = option(0.0, "at most so many nats a letter under letters_lm", least=0)
    vocabulary: str = option(
        "",
        "a lexicon file whose words count as known; for labels decoded without a lexicon",
        file="a lexicon of known words",
    )
    max_unknown: float = option(0.0, "at most this share (0 to 1) of words outside `vocabulary`", least=0, below=1)
    drop_least_confident: float = option(
        0.0, "fraction dropped of the labels left: those of the lowest confidence", least=0, below=1
    )
    drop_least_agreeing: float = option(
        0.0, "fraction dropped: those that agree least with the acoustic model's greedy output", least=0, below=1
    )
    drop_widest_greedy_gap: float = option(
        0.0, "fraction dropped: those with the widest gap of max_greedy_gap", least=0, below=1
    )
    drop_least_agreeing_with_other: float = option(
        0.0, "fraction dropped: those that agree least with the labels of `other`", least=0, below=1
    )
    drop_least_plausible: float = option(
        0.0, "fraction dropped: those with the most nats a letter under letters_lm", least=0, below=1
    )
    weight_by: str = option(
        "confidence",
        "weigh the kept labels in training by confidence, agreement or other_agreement; empty: all alike. Their "
        "mean stays 1, so that the target pulls as hard as without weights. Confidence by default: of what was "
        "trained on the same labels only this beat taking them all as they are (docs/results/filters.md)",
        choices=("", *WEIGHT_COLUMNS),
    )
    weight_power: float = option(
        1.0,
        "the power to which that confidence or agreement is raised: the higher, the less the worse labels count",
        least=0,
    )

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for filters that lack the file they need (``check_options``)."""
        for name, column in [*((rule.key, rule.column) for rule in _active(self)), ("weight_by", self.weight_by)]:
            needed = _NEEDS.get(column)
            if needed and not getattr(self, needed):
                lacking = join(key, needed)
                raise XlplError(f"{join(key, name)} is set, but not {lacking}", remedy=f"set {lacking}")

    def files(self) -> dict[str, Path]:
        """Return the files that labels are judged by, by their keys."""
        named = {key: Path(getattr(self, key)) for key in _NEEDS.values() if getattr(self, key)}
        return {key: path / LABELS_FILE if path.is_dir() else path for key, path in named.items()}

    def alone(self) -> FilterConfig:
        """Return the same without what compares with other labels."""
        by = "" if self.weight_by == "other_agreement" else self.weight_by
        off: dict[str, Any] = {rule.key: 0.0 for rule in RULES if rule.column == "other_agreement"}
        return replace(self, other="", weight_by=by, **off)


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
# of the heaviest: no kept label counts less
LEAST_WEIGHT = 0.05
# columns that need a file, and the key that names it
_NEEDS = {"other_agreement": "other", "letter_nats": "letters_lm", "unknown": "vocabulary"}
_JUDGES: Mapping[str, Callable[[str], Measurer]] = {
    "other_agreement": lambda path: OtherLabels(path).agreement,
    "letter_nats": letter_nats,
    "unknown": unknown_share,
}


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
    check_options(config, "filter")
    columns = {*(rule.column for rule in _active(config)), config.weight_by}
    extra = {name: judge(getattr(config, _NEEDS[name])) for name, judge in _JUDGES.items() if name in columns}
    return Traits.gather(records, extra)


def choose(traits: Traits, config: FilterConfig) -> Choice:
    """Apply the filters that the config turns on.

    Raises:
        XlplError: a value out of range.
    """
    check_options(config, "filter")
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
    """Return the rows with too few frames: CTC needs one a unit, and a blank between two alike."""
    frames = np.floor(traits["seconds"] / frame_seconds) if frame_seconds else traits["frames"]
    for row in left[traits["frames_needed"][left] > frames[left]]:
        yield int(row), f"needs {traits['frames_needed'][row]:.0f} frames, has {frames[row]:.0f}"


def beyond(traits: Traits, left: Rows, rule: Rule, bound: float) -> Dropped:
    """Return the rows on the bad side of a bound."""
    values = traits[rule.column]
    for row in left[values[left] > bound if rule.high else values[left] < bound]:
        yield int(row), rule.text.format(values[row])


def worst(traits: Traits, left: Rows, rule: Rule, fraction: float) -> Dropped:
    """Return the fraction of rows that are worst; of equal ones those whose ids come first."""
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
