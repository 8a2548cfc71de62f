"""The utterances whose audio is in place."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from xlpl_plugin.data.columns import CodedTexts, TextColumn
from xlpl_plugin.data.segments import Segment


@dataclass(frozen=True, slots=True)
class Kept:
    """An utterance whose audio is in place.

    Attributes:
        id: of the utterance.
        row: of the item that it is, or is a piece of.
        suffix: of its file, which is named after it.
        samples: as many as reading the file gives.
        recording: what it is a piece of; empty: it is whole.
        start, end: seconds in the recording.
        linked: whether the file is a link to the corpus's own.
    """

    id: str
    row: int
    suffix: str
    samples: int
    recording: str = ""
    start: float = 0.0
    end: float = 0.0
    linked: bool = False


class KeptColumns(Sequence[Kept]):
    """Kept utterances as columns: some 50 bytes each beside their names."""

    def __init__(self) -> None:
        self.ids, self.recordings, self._suffixes = TextColumn(), TextColumn(), CodedTexts()
        self.rows, self.samples = array("q"), array("q")
        self._starts, self._ends, self._linked = array("d"), array("d"), array("b")

    def extend(self, kept: Iterable[Kept]) -> None:
        for one in kept:
            self.ids.append(one.id)
            self.rows.append(one.row)
            self._suffixes.append(one.suffix)
            self.samples.append(one.samples)
            self.recordings.append(one.recording)
            self._starts.append(one.start)
            self._ends.append(one.end)
            self._linked.append(one.linked)

    @property
    def linked(self) -> int:
        """Return how many files are links."""
        return sum(self._linked)

    def file(self, place: int) -> str:
        """Return the path of an utterance's file, relative to the folder audio/."""
        return self.ids[place] + self._suffixes[place]

    def segment(self, place: int) -> Segment:
        """Return which stretch of its recording an utterance is."""
        return Segment(self.ids[place], self.recordings[place], self._starts[place], self._ends[place])

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Kept: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Kept, ...]: ...
    def __getitem__(self, place: int | slice) -> Kept | tuple[Kept, ...]:
        number = range(len(self))[place]
        return tuple(map(self._kept, number)) if isinstance(number, range) else self._kept(number)

    def _kept(self, place: int) -> Kept:
        return Kept(
            self.ids[place],
            self.rows[place],
            self._suffixes[place],
            self.samples[place],
            self.recordings[place],
            self._starts[place],
            self._ends[place],
            bool(self._linked[place]),
        )

    def __iter__(self) -> Iterator[Kept]:
        return map(self._kept, range(len(self)))
