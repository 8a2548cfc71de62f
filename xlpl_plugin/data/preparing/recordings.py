"""Items grouped by their recording, and what can be said of them before anything is decoded."""

from __future__ import annotations

import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.items import Item
from xlpl_plugin.data.preparing.reasons import Dropped, Reason
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.errors import XlplError

# bytes; files are put in order by how many times as large they are
_LARGE = 1 << 24


@dataclass(frozen=True, slots=True)
class Clip:
    """An item as the one who cuts it must know it: seconds, and the letters of its transcript if it has one."""

    id: str
    start: float
    end: float | None
    letters: int | None


@dataclass(frozen=True, slots=True)
class Recording:
    """A channel of a file, decoded once, and the clips of it in the order of time; ``name`` is that in ``segments``."""

    audio: Path
    channel: int | None
    name: str
    clips: tuple[Clip, ...]

    @property
    def whole(self) -> bool:
        """Whether it is one utterance from its beginning to its end."""
        return is_whole(self.clips[0])

    @property
    def divisible(self) -> bool:
        """Whether it may be cut: with one transcript it cannot be known which words are where."""
        return self.whole and self.clips[0].letters is None


def is_whole(item: Item | Clip) -> bool:
    return item.start == 0 and item.end is None


class GroupedItems:
    """All recordings, each made when it is asked for: segments by file and channel, whole ones each by itself."""

    def __init__(self, items: Iterable[Item], letters: Mapping[str, int | None]) -> None:
        self._letters = letters
        self._whole: list[Item] = []
        self._segments: dict[tuple[Path, int | None], list[Item]] = defaultdict(list)
        for item in items:
            (self._whole if is_whole(item) else self._segments[item.audio, item.channel]).append(item)
        files = {item.audio for item in self._whole} | {audio for audio, _ in self._segments}
        self.bytes = {audio: os.stat(audio).st_size for audio in files}
        self._names = _file_names(audio for audio, _ in self._segments)

    def __len__(self) -> int:
        return len(self._whole) + len(self._segments)

    def __iter__(self) -> Iterator[Recording]:
        """Yield the recordings; very large files first, so that no process is left alone with one at the end."""
        groups = [*self._segments.values(), *([item] for item in self._whole)]
        for group in sorted(groups, key=lambda group: -(self.bytes[group[0].audio] // _LARGE)):
            first = group[0]
            name = first.id if is_whole(first) else self._name(first.audio, first.channel)
            ordered = sorted(group, key=lambda item: (item.start, item.id))
            clips = (Clip(item.id, item.start, item.end, self._letters[item.id]) for item in ordered)
            yield Recording(first.audio, first.channel, name, tuple(clips))

    def _name(self, audio: Path, channel: int | None) -> str:
        return self._names[audio] if channel is None else f"{self._names[audio]}-ch{channel}"

    @property
    def overlaps(self) -> int:
        """How many segments begin before one of the same channel has ended."""
        return sum(_overlaps(group) for group in self._segments.values() if len(group) > 1)


def _file_names(files: Iterable[Path]) -> dict[Path, str]:
    """Return a name for each file: its path below their common folder, without the suffix where that is enough."""
    absolute = {file: Path(os.path.abspath(file)) for file in files}
    base = os.path.commonpath([file.parent for file in absolute.values()]) if absolute else ""
    names = {file: path.relative_to(base) for file, path in absolute.items()}
    stems = Counter(name.with_suffix("") for name in names.values())
    return {
        file: (name if stems[name.with_suffix("")] > 1 else name.with_suffix("")).as_posix()
        for file, name in names.items()
    }


def _overlaps(group: Iterable[Item]) -> int:
    latest, found = 0.0, 0
    for item in sorted(group, key=lambda item: item.start):
        found += item.start < latest
        latest = max(latest, float("inf") if item.end is None else item.end)
    return found


def present_items(items: Sequence[Item], options: PrepareOptions, dropped: list[Dropped]) -> list[Item]:
    """Return the items whose file is there and holds something; the others are dropped.

    Raises:
        XlplError: there are such, and ``options.unusable`` says to stop; the first is named, and how many there are.
    """
    sizes: dict[Path, Reason | None] = {}
    absent: list[tuple[Item, Reason]] = []
    present: list[Item] = []
    for item in items:
        if item.audio not in sizes:
            sizes[item.audio] = _absence(item.audio)
        reason = sizes[item.audio]
        if reason is None:
            present.append(item)
        else:
            absent.append((item, reason))
    if absent and options.unusable == "stop":
        raise _absent_files(absent, sizes)
    dropped += (Dropped(item.id, reason) for item, reason in absent)
    return present


def _absence(audio: Path) -> Reason | None:
    try:
        found = os.stat(audio)
    except OSError:
        return Reason.MISSING
    if not stat.S_ISREG(found.st_mode):
        return Reason.MISSING
    return None if found.st_size else Reason.EMPTY


def _absent_files(absent: Sequence[tuple[Item, Reason]], reasons: Mapping[Path, Reason | None]) -> XlplError:
    item, reason = absent[0]
    files = sum(found is not None for found in reasons.values())
    return XlplError(
        f"{reason}; {files} of {len(reasons)} files are missing or empty",
        file=item.audio,
        expected="an audio file",
        remedy="check the paths, or leave such files out with their reason: --skip-unreadable",
    )


def plausible_items(
    items: Iterable[Item], letters: Mapping[str, int | None], options: PrepareOptions, dropped: list[Dropped]
) -> Iterator[Item]:
    """Yield the items but for segments whose times alone say that they are of no use."""
    for item in items:
        reason = None if item.end is None else length_problem(item.end - item.start, letters[item.id], options)
        if reason is None:
            yield item
        else:
            dropped.append(Dropped(item.id, reason))


def length_problem(seconds: float, letters: int | None, options: PrepareOptions) -> Reason | None:
    """Return why an utterance of so many seconds, and letters if it has a transcript, is of no use."""
    if seconds <= 0 or seconds < options.min_seconds:
        return Reason.TOO_SHORT
    if letters is not None and not options.min_rate <= letters / seconds <= options.max_rate:
        return Reason.IMPLAUSIBLE
    return None
