"""How much disk a preparation will take, before it begins."""

from __future__ import annotations

import os
import shutil
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.items import ItemColumns
from xlpl_plugin.data.preparing.audio_files import AudioFiles
from xlpl_plugin.data.preparing.headers import header_seconds, links_well
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.errors import XlplError

# bytes a second of 16 kHz mono speech: FLAC takes about 60 % of 16-bit samples
_WRITTEN = {"flac": 19_200, "opus": 4_000}
# of a form whose header is not known, as phones record
_COMPRESSED = 4_000
# headers that are read of each form; the rest is taken to be like them
_HEADERS = 100


@dataclass(frozen=True)
class Space:
    """What will be written; ``linked`` seconds of the audio need no space."""

    seconds: float
    linked: float
    bytes: float

    def __str__(self) -> str:
        linked = f", {_duration(self.linked)} of it by links" if self.linked else ""
        return f"about {_duration(self.seconds)} of audio{linked}: about {_size(self.bytes)} to write"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.1f} minutes"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


@dataclass(frozen=True)
class _Form:
    """Files of one suffix: seconds of audio for a byte, and the share of the bytes that can be linked."""

    seconds: float
    linked: float


def needed_space(
    items: ItemColumns, rows: array[int], files: AudioFiles, options: PrepareOptions, temporary: Path | None = None
) -> Space:
    """Estimate what some items take: by the times of segments, and by headers and sizes of whole recordings."""
    whole: dict[str, array[int]] = defaultdict(lambda: array("q"))
    seconds = linked = 0.0
    for row in rows:
        end = items.end(row)
        if end is not None:
            seconds += end - items.starts[row]
        elif items.is_whole(row):
            whole[os.path.splitext(items.audio[row])[1].lower()].append(row)
    for same in whole.values():
        few = same[:: max(1, len(same) // _HEADERS)]
        form = _measure([Path(items.audio[row]) for row in few], options, temporary)
        size = sum(map(files.size, same))
        seconds += size * form.seconds
        linked += size * form.seconds * form.linked
    return Space(seconds, linked, (seconds - linked) * _WRITTEN[options.format])


def _measure(files: Sequence[Path], options: PrepareOptions, temporary: Path | None) -> _Form:
    total = seconds = linked = 0.0
    for file in files:
        size = os.stat(file).st_size
        length = header_seconds(file) or size / _COMPRESSED
        total, seconds = total + size, seconds + length
        linked += length if options.keep and links_well(file, temporary) else 0.0
    return _Form(seconds / total, linked / seconds if seconds else 0.0)


def refuse_too_little(space: Space, folder: Path) -> None:
    """Raise ``XlplError`` where the disk of ``folder``, which is there, has not as much left."""
    free = shutil.disk_usage(folder).free
    if space.bytes > free:
        raise XlplError(
            f"{space}, and {_size(free)} are free",
            file=folder,
            expected="space for the recordings",
            remedy="make space, choose another --out, or write less: --format opus, or --keep for 16 kHz mono files",
        )
