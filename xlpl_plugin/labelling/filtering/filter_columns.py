"""What filters look at: a few numbers a label, gathered in one pass, so that memory hardly grows with the corpus."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.columns import TextColumn
from xlpl_plugin.data.units import WORD_BOUNDARY, frames_needed
from xlpl_plugin.labelling.records import LabelRecord

Column = npt.NDArray[np.float64]
Measurer = Callable[[LabelRecord], float]
# seconds; a recording without samples has no rate
_INSTANT = 1e-3


def letters(record: LabelRecord) -> int:
    """Return the units of a label that are no word boundary."""
    return sum(unit != WORD_BOUNDARY for unit in record.units.split())


def frame_score(record: LabelRecord) -> float:
    """Return the natural log probability of the label's best alignment, a frame; at most 0."""
    return record.am_score / max(1, record.frames)


def greedy_gap(record: LabelRecord) -> float:
    """Return by how many nats a unit the label's alignment is less likely than the acoustic model's own best path."""
    return (record.greedy_score - record.am_score) / max(1, len(record.units.split()))


def repeats(words: Sequence[str]) -> float:
    """Return the share of pairs of neighbouring words that were there before; 0 for fewer than two pairs.

    >>> repeats("la la la".split())
    0.5
    """
    pairs = list(pairwise(words))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0


# columns that every label has, from its record alone
MEASURES: Mapping[str, Measurer] = MappingProxyType(
    {
        "seconds": lambda record: record.seconds,
        "frames": lambda record: record.frames,
        "frames_needed": lambda record: frames_needed(record.units.split()),
        "words": lambda record: len(record.words),
        "letters": letters,
        "letters_per_second": lambda record: letters(record) / max(_INSTANT, record.seconds),
        "words_per_second": lambda record: len(record.words) / max(_INSTANT, record.seconds),
        "repeats": lambda record: repeats(record.words),
        "confidence": lambda record: record.confidence,
        "frame_score": frame_score,
        "greedy_gap": greedy_gap,
        "agreement": lambda record: record.agreement,
    }
)


@dataclass(frozen=True)
class Traits:
    """Numbers of labels: a row a record, in the order in which the records came.

    Attributes:
        ids: the utterances.
        errors: for each row without a hypothesis, why.
        columns: name -> (rows,) float64; those of ``MEASURES`` and the extra ones, 8 bytes a row each.
    """

    ids: Sequence[str]
    errors: Mapping[int, str]
    columns: Mapping[str, Column]

    @classmethod
    def gather(cls, records: Iterable[LabelRecord], extra: Mapping[str, Measurer] = MappingProxyType({})) -> Traits:
        """Measure the records one after the other; none is kept. ``extra`` adds columns."""
        measures = {**MEASURES, **extra}
        ids = TextColumn()
        errors: dict[int, str] = {}
        numbers = {name: array("d") for name in measures}
        for row, record in enumerate(records):
            ids.append(record.id)
            if record.error:
                errors[row] = record.error
            for name, measure in measures.items():
                numbers[name].append(measure(record))
        return cls(ids, errors, {name: np.frombuffer(values) for name, values in numbers.items()})

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, column: str) -> Column:
        return self.columns[column]
