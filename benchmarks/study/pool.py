"""The records of one row of a table, which differ in their seed alone: rates over all, with paired intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from study.records import TOPLINE, CellRecord, StageRecord, SystemRecord, unpacked
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.counting import Rates, bootstrap_rates
from xlpl_plugin.evaluation.scoring import Interval
from xlpl_plugin.stage import Stage

# as of `xlpl score`
_RESAMPLES, _SEED, _TAIL = 10_000, 1, 0.025
# which stage of a record is meant; None where it has none such
Pick = Callable[[CellRecord], StageRecord | None]


def stage(name: str) -> Pick:
    return lambda record: record.all_stages.get(name)


ZERO_SHOT, TOP = stage(Stage.round(0).folder), stage(TOPLINE)


def chosen(record: CellRecord) -> StageRecord | None:
    """The stage that the run itself takes for its best, without references."""
    return record.all_stages.get(record.chosen)


def best(record: CellRecord) -> StageRecord | None:
    """The stage with the lowest error rate (an oracle), under the LM where there is one."""
    return min(record.stages, key=lambda found: (found.lm or found.greedy).score.rate.value)


@dataclass(frozen=True)
class Pool:
    """Records of one row, at least one.

    Raises:
        XlplError: they were scored on different test parts.
    """

    labels: dict[str, str]
    records: Sequence[CellRecord]

    def __post_init__(self) -> None:
        if len({record.digest for record in self.records}) > 1:
            names = ", ".join(record.cell for record in self.records)
            raise XlplError(f"{names}: of different test parts", expected="the same utterances in all cells of a row")

    @cached_property
    def unit(self) -> str:
        return self.records[0].unit

    def rates(self, pick: Pick, *, greedy: bool = False, unit: str = "") -> tuple[float, Rates] | None:
        """Return the error rate over all records and its resamples; None where a record has no such stage.

        Errors of the seeds are added; utterances are drawn once for all, and alike for all systems of the test part, so
        that differences and ratios of what two calls return are paired.
        """
        systems = [self._system(pick(record), greedy) for record in self.records]
        if any(system is None for system in systems):
            return None
        unit = unit or self.unit
        found = [(record, system) for record, system in zip(self.records, systems, strict=True) if system]
        errors = np.sum([unpacked(system.errors[unit]) for _, system in found], axis=0)
        lengths = np.sum([record.length(system, unit) for record, system in found], axis=0)
        drawn = bootstrap_rates(errors[None], lengths[None], resamples=_RESAMPLES, seed=_SEED)
        return float(errors.sum() / lengths.sum()), drawn[0]

    @staticmethod
    def _system(found: StageRecord | None, greedy: bool) -> SystemRecord | None:
        return (found.greedy if greedy else found.lm) if found else None

    def interval(self, pick: Pick, *, greedy: bool = False, unit: str = "") -> Interval | None:
        found = self.rates(pick, greedy=greedy, unit=unit)
        return within(*found) if found else None

    def closed(self, pick: Pick) -> Interval | None:
        """Return the share of the gap from zero-shot to topline that a stage closes, under the LM.

        None without a topline, and where there is no gap (in more than the resamples outside an interval).
        """
        found = [self.rates(one) for one in (ZERO_SHOT, pick, TOP)]
        if any(one is None for one in found):
            return None
        (zero, zeros), (now, nows), (top, tops) = (one for one in found if one)
        gaps = zeros - tops
        if zero <= top or (gaps <= 0).mean() > _TAIL:
            return None
        return within((zero - now) / (zero - top), (zeros - nows)[gaps > 0] / gaps[gaps > 0])

    def mean(self, value: Callable[[CellRecord], float | None]) -> float | None:
        """Return the mean of a number over the records; None where one has none."""
        values = [value(record) for record in self.records]
        return None if None in values else fmean(number for number in values if number is not None)


def within(value: float, drawn: NDArray[np.float64]) -> Interval:
    """Return a value with its 95 % interval."""
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    return Interval(value, float(low), float(high))
