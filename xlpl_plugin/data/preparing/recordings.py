"""Items grouped by their recording, and what can be said of them before anything is decoded."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePath

import numpy as np

from xlpl_plugin.data.columns import RowsOf, TextColumn, different_texts
from xlpl_plugin.data.items import ItemColumns
from xlpl_plugin.data.preparing.audio_files import AudioFiles
from xlpl_plugin.data.preparing.reasons import Dropped, Reason
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.transcriber import LabelColumns

# bytes; files are put in order by how many times as large they are
_LARGE = 1 << 24


@dataclass(frozen=True, slots=True)
class Clip:
    """An item as the one who cuts it must know it: its row, seconds, and the letters of its transcript if any."""

    id: str
    row: int
    start: float
    end: float | None
    letters: int | None


@dataclass(frozen=True, slots=True)
class Recording:
    """A channel of a file, decoded once, and the clips of it in the order of time.

    Attributes:
        name: that in ``segments``.
        size: of the file, in bytes.
    """

    audio: Path
    channel: int | None
    name: str
    clips: tuple[Clip, ...]
    size: int

    @property
    def whole(self) -> bool:
        """Whether it is one utterance from its beginning to its end."""
        return self.clips[0].start == 0 and self.clips[0].end is None

    @property
    def divisible(self) -> bool:
        """Whether it may be cut: with one transcript it cannot be known which words are where."""
        return self.whole and self.clips[0].letters is None


class GroupedItems:
    """All recordings, each made when it is asked for: segments by file and channel, whole ones each by itself."""

    def __init__(self, items: ItemColumns, rows: array[int], labels: LabelColumns, files: AudioFiles) -> None:
        self._items, self._labels, self._files = items, labels, files
        self._whole = array("q", (row for row in rows if items.is_whole(row)))
        segments = array("q", (row for row in rows if not items.is_whole(row)))
        tracks = different_texts(RowsOf(items.track, segments))
        # the rows of one track after those of another, and where each track begins
        self._segments = np.frombuffer(segments, np.int64)[np.argsort(tracks.numbers, kind="stable")]
        self._bounds = np.concatenate([[0], np.cumsum(np.bincount(tracks.numbers, minlength=len(tracks.first)))])
        self._named, first = np.unique(files.numbers[np.frombuffer(segments, np.int64)], return_index=True)
        self._names = _file_names(RowsOf(items.audio.__getitem__, (segments[row] for row in first)))

    def __len__(self) -> int:
        return len(self._bounds) - 1 + len(self._whole)

    def __iter__(self) -> Iterator[Recording]:
        """Yield the recordings; very large files first, so that no process is left alone with one at the end."""
        tracks = len(self._bounds) - 1
        first = np.concatenate([self._segments[self._bounds[:-1]], np.frombuffer(self._whole, np.int64)])
        sizes = self._files.sizes[self._files.numbers[first]]
        for group in array("q", np.argsort(-(sizes // _LARGE), kind="stable").tobytes()):
            if group < tracks:
                yield self._track(self._segments[self._bounds[group] : self._bounds[group + 1]].tolist())
            else:
                row = self._whole[group - tracks]
                yield self._recording(self._items.ids[row], [row])

    def _track(self, rows: list[int]) -> Recording:
        """Return the recording of the segments of one channel."""
        items, channel = self._items, self._items.channel(rows[0])
        name = self._names[int(self._named.searchsorted(self._files.numbers[rows[0]]))]
        ordered = sorted(rows, key=lambda row: (items.starts[row], items.ids[row]))
        return self._recording(name if channel is None else f"{name}-ch{channel}", ordered)

    def _recording(self, name: str, rows: Sequence[int]) -> Recording:
        items, audio = self._items, Path(self._items.audio[rows[0]])
        clips = tuple(
            Clip(items.ids[row], row, items.starts[row], items.end(row), self._labels.letters(row)) for row in rows
        )
        return Recording(audio, items.channel(rows[0]), name, clips, self._files.size(rows[0]))

    @property
    def overlaps(self) -> int:
        """How many segments begin before one of the same channel has ended."""
        return self._items.overlaps(array("q", self._segments.tobytes()))


def _file_names(files: Sequence[str]) -> TextColumn:
    """Return a name for each file: its path below their common folder, without the suffix where that is enough."""
    paths = TextColumn(map(os.path.abspath, files))
    if not paths:
        return paths
    base = reduce(lambda base, path: os.path.commonpath((base, path)), map(os.path.dirname, paths))
    names = RowsOf(lambda row: PurePath(paths[row]).relative_to(base), range(len(paths)))
    stems = different_texts(RowsOf(lambda row: str(names[row].with_suffix("")), range(len(paths)))).numbers
    alone = (np.bincount(stems)[stems] == 1).tolist()
    chosen = (name.with_suffix("") if is_alone else name for name, is_alone in zip(names, alone, strict=True))
    return TextColumn(name.as_posix() for name in chosen)


def plausible_rows(
    items: ItemColumns, rows: array[int], labels: LabelColumns, options: PrepareOptions, dropped: list[Dropped]
) -> Iterator[int]:
    """Yield the rows of the items but for segments whose times alone say that they are of no use."""
    for row in rows:
        end = items.end(row)
        reason = None if end is None else length_problem(end - items.starts[row], labels.letters(row), options)
        if reason is None:
            yield row
        else:
            dropped.append(Dropped(items.ids[row], reason))


def length_problem(seconds: float, letters: int | None, options: PrepareOptions) -> Reason | None:
    """Return why an utterance of so many seconds, and letters if it has a transcript, is of no use."""
    if seconds <= 0 or seconds < options.min_seconds:
        return Reason.TOO_SHORT
    if letters is not None and not options.min_rate <= letters / seconds <= options.max_rate:
        return Reason.IMPLAUSIBLE
    return None
