"""Which labels a student learns from. Each filter is a small function that gives reasons; none sees a reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from xlpl_plugin.data.units import WORD_BOUNDARY
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels.records import LabelRecord, frames_needed


@dataclass
class FilterConfig:
    """Thresholds; 0 turns a filter off. Empty labels and those too long for their audio always go."""

    # at least this agreement (0 to 1) with the acoustic model's greedy output
    min_agreement: float = 0.0
    # drop this fraction of the labels, those of the lowest confidence
    drop_least_confident: float = 0.0
    # at least so many letters for each second of audio
    min_letters_per_second: float = 0.0
    # at least so many letters
    min_letters: int = 0
    # seconds of one output frame of the student; 0: as the labelling model's frames
    student_frame_seconds: float = 0.0

    def check(self) -> None:
        """Raise ``XlplError`` for values out of range."""
        for name in ("min_agreement", "drop_least_confident"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise XlplError(f"filter.{name}={getattr(self, name)}", expected="at least 0 and below 1")
        for name in ("min_letters_per_second", "min_letters", "student_frame_seconds"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise XlplError(f"filter.{name}={getattr(self, name)}", expected="a number of at least 0")


@dataclass(frozen=True)
class FilterRow:
    """What one filter removed of those that the filters before it had left."""

    name: str
    removed: int
    removed_seconds: float
    left: int


# (utterance id, reason) of those to drop
Dropped = Iterator[tuple[str, str]]
Filter = Callable[[Sequence[LabelRecord], FilterConfig], Dropped]


def failed(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    for record in records:
        if record.error:
            yield record.id, record.error


def empty(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    for record in records:
        if not record.words:
            yield record.id, "no words"


def infeasible(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    """CTC cannot emit more units than there are frames, and needs a blank between two alike."""
    for record in records:
        frames = int(record.seconds / config.student_frame_seconds) if config.student_frame_seconds else record.frames
        needed = frames_needed(record.units.split())
        if needed > frames:
            yield record.id, f"needs {needed} frames, has {frames}"


def few_letters(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    for record in records:
        letters = _letters(record)
        if letters < config.min_letters:
            yield record.id, f"{letters} letters"


def slow_speech(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    """Few letters for the time: the search has given up most of the speech."""
    for record in records:
        rate = _letters(record) / record.seconds
        if rate < config.min_letters_per_second:
            yield record.id, f"{rate:.2f} letters a second"


def disagreement(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    """Far from what the acoustic model says by itself: the LM wrote this label."""
    for record in records:
        if record.agreement < config.min_agreement:
            yield record.id, f"agreement with greedy {record.agreement:.2f}"


def unsure(records: Sequence[LabelRecord], config: FilterConfig) -> Dropped:
    """The fraction of lowest confidence, of those that the other filters left."""
    ranked = sorted(records, key=lambda record: (record.confidence, record.id))
    for record in ranked[: int(len(ranked) * config.drop_least_confident)]:
        yield record.id, f"confidence {record.confidence:.3f} among the lowest {config.drop_least_confident:.0%}"


# in the order in which they are applied
FILTERS: tuple[Filter, ...] = (failed, empty, infeasible, few_letters, slow_speech, disagreement, unsure)


def apply_filters(records: Sequence[LabelRecord], config: FilterConfig) -> tuple[list[LabelRecord], list[FilterRow]]:
    """Return all records in their order with ``kept`` and ``reason`` set, and what each filter removed.

    Raises:
        XlplError: a threshold out of range.
    """
    config.check()
    left = list(records)
    reasons: dict[str, str] = {}
    rows = []
    for apply in FILTERS:
        dropped = dict(apply(left, config))
        removed_seconds = sum(record.seconds for record in left if record.id in dropped)
        left = [record for record in left if record.id not in dropped]
        rows.append(FilterRow(apply.__name__, len(dropped), round(removed_seconds, 2), len(left)))
        reasons |= {key: f"{apply.__name__}: {reason}" for key, reason in dropped.items()}
    marked = [replace(record, kept=record.id not in reasons, reason=reasons.get(record.id, "")) for record in records]
    return marked, rows


def _letters(record: LabelRecord) -> int:
    return sum(unit != WORD_BOUNDARY for unit in record.units.split())
