"""What a corpus lists: one utterance to prepare, as its reader found it; and many of them as columns."""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from xlpl_plugin.data.columns import CodedTexts, RowsOf, TextColumn, different_texts


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance to prepare: a whole recording, or a stretch of one.

    A reader does not look whether the audio is there: what is missing, empty or unreadable is for
    ``data/prepare.py`` to decide, by one policy.
    """

    id: str
    audio: Path
    # the raw transcript; None where the corpus has none for it
    text: str | None = None
    # the part it must go to, where that is decided already: the corpus's own division, or a transcript too uncertain
    # to judge by, which is for train only
    part: str = ""
    # who speaks, by the corpus's name for the person; empty: not known
    speaker: str = ""
    # seconds in the recording; no end: as far as it goes
    start: float = 0.0
    end: float | None = None
    # which channel, from 0; None: the mean of all
    channel: int | None = None


class ItemColumns(Sequence[Item]):
    """Items as columns, some 30 bytes each beside their texts. They equal any sequence of the same items.

    Attributes:
        ids, audio, texts, parts, speakers: as those of ``Item``; an empty text may also be none.
        starts, ends, channels: as those of ``Item``; an end or channel that is None is NaN or -1.
    """

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.ids, self.audio, self.texts = TextColumn(), TextColumn(), TextColumn()
        self.parts, self.speakers = CodedTexts(), CodedTexts()
        self.starts, self.ends, self.channels = array("d"), array("d"), array("i")
        self._has_text = array("b")
        for item in items:
            self.append(item)

    @classmethod
    def of(cls, items: Iterable[Item]) -> ItemColumns:
        """Return items as columns."""
        return items if isinstance(items, cls) else cls(items)

    def append(self, item: Item) -> None:
        self.ids.append(item.id)
        self.audio.append(os.fspath(item.audio))
        self.texts.append(item.text or "")
        self._has_text.append(item.text is not None)
        self.parts.append(item.part)
        self.speakers.append(item.speaker)
        self.starts.append(item.start)
        self.ends.append(math.nan if item.end is None else item.end)
        self.channels.append(-1 if item.channel is None else item.channel)

    @property
    def has_texts(self) -> bool:
        """Whether any of them has a transcript, be it empty."""
        return any(self._has_text)

    def text(self, row: int) -> str | None:
        return self.texts[row] if self._has_text[row] else None

    def end(self, row: int) -> float | None:
        return None if math.isnan(self.ends[row]) else self.ends[row]

    def channel(self, row: int) -> int | None:
        return None if self.channels[row] < 0 else self.channels[row]

    def is_whole(self, row: int) -> bool:
        """Whether it is all of its recording."""
        return self.starts[row] == 0 and math.isnan(self.ends[row])

    def overlaps(self, rows: Iterable[int]) -> int:
        """Count the stretches among these that begin before an earlier one of the same channel has ended."""
        stretches = array("q", (row for row in rows if not self.is_whole(row)))
        numbers = np.frombuffer(stretches, np.int64)
        tracks = different_texts(RowsOf(self.track, stretches)).numbers
        count, latest, track = 0, 0.0, -1
        for place in np.lexsort((np.frombuffer(self.starts)[numbers], tracks)).tolist():
            row = stretches[place]
            latest = latest if track == (track := tracks[place]) else 0.0
            count += self.starts[row] < latest
            latest = max(latest, math.inf if math.isnan(self.ends[row]) else self.ends[row])
        return count

    def track(self, row: int) -> str:
        """Return a name for an item's channel of its file."""
        return f"{self.channels[row]} {self.audio[row]}"

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> ItemColumns: ...
    def __getitem__(self, row: int | slice) -> Item | ItemColumns:
        number = range(len(self))[row]
        return ItemColumns(map(self._item, number)) if isinstance(number, range) else self._item(number)

    def _item(self, row: int) -> Item:
        return Item(
            self.ids[row],
            Path(self.audio[row]),
            self.text(row),
            self.parts[row],
            self.speakers[row],
            self.starts[row],
            self.end(row),
            self.channel(row),
        )

    def __iter__(self) -> Iterator[Item]:
        return map(self._item, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]
