"""Labels for a person to look at, found in one pass over ``labels.jsonl``."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Generic, TypeVar

from rapidfuzz.distance import Levenshtein

from xlpl_plugin.data.units import words_of_units
from xlpl_plugin.labelling.records import LabelRecord, iter_labels
from xlpl_plugin.report.contents import Change, Example, LabelExamples
from xlpl_plugin.stage import Stage

# of each kind
_SHOWN = 8

T = TypeVar("T")
Words = tuple[str, ...]


class _Highest(Generic[T]):
    """The few items that score highest, whatever the number seen; of equals the first ones."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[float, int, T]] = []
        self._seen = 0

    def add(self, score: float, item: T) -> None:
        self._seen += 1
        push = heapq.heappush if len(self._heap) < self._count else heapq.heappushpop
        push(self._heap, (score, -self._seen, item))

    def items(self) -> list[T]:
        """Return them, the highest score first."""
        return [item for *_, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


def find_examples(
    labels: Path, previous: Path | None = None, since: Stage | None = None, count: int = _SHOWN
) -> LabelExamples:
    """Return the labels that are most and least sure of themselves, and those that changed most.

    Args:
        labels: labels.jsonl of a round.
        previous: that of the round ``since``; utterances that only one of them has are left out.
        count: how many of each.

    Raises:
        XlplError: a line that is no label.
    """
    surest, least_sure = _Highest[LabelRecord](count), _Highest[LabelRecord](count)
    changed = _Highest[Change](count)

    def watched() -> Iterator[LabelRecord]:
        for label in iter_labels(labels):
            if label.words:
                surest.add(label.confidence, label)
                least_sure.add(-label.confidence, label)
            yield label

    if previous is None:
        deque(watched(), maxlen=0)
    else:
        for key, old, new in _matched(iter_labels(previous), watched()):
            edits = Levenshtein.distance(old, new)
            if edits:
                changed.add(edits, Change(key, " ".join(old), " ".join(new), edits))
    return LabelExamples(
        surest=tuple(map(_example, surest.items())),
        least_sure=tuple(map(_example, least_sure.items())),
        changed=tuple(changed.items()),
        since=since if previous else None,
    )


def _matched(before: Iterable[LabelRecord], after: Iterable[LabelRecord]) -> Iterator[tuple[str, Words, Words]]:
    """Yield id and words, before and after, of each utterance that both have.

    Both are in the order of one manifest, so that nothing waits long for its companion, unless it has none.
    """
    olds: dict[str, Words] = {}
    news: dict[str, Words] = {}
    for old, new in zip_longest(before, after):
        for label, mine, theirs in ((old, olds, news), (new, news, olds)):
            if label is None:
                continue
            mine[label.id] = label.words
            if label.id in theirs:
                yield label.id, olds.pop(label.id), news.pop(label.id)


def _example(label: LabelRecord) -> Example:
    return Example(
        id=label.id,
        text=label.text,
        greedy=" ".join(words_of_units(label.greedy.split())),
        confidence=label.confidence,
        agreement=label.agreement,
        seconds=label.seconds,
        kept=label.kept,
        reason=label.reason,
    )
