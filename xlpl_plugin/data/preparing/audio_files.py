"""The different audio files of items, and whether there is anything in them."""

from __future__ import annotations

import os
import stat
from array import array

import numpy as np

from xlpl_plugin.data.columns import RowsOf, different_texts
from xlpl_plugin.data.items import ItemColumns
from xlpl_plugin.data.preparing.reasons import Dropped, Reason
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.errors import XlplError


class AudioFiles:
    """The files of some items, each looked at once.

    Attributes:
        numbers: of the file of each item, by the item's row; -1: it was not asked for.
        sizes: in bytes, by the number of the file; -1: there is no such file.
    """

    def __init__(self, items: ItemColumns, rows: array[int]) -> None:
        found = different_texts(RowsOf(items.audio.__getitem__, rows))
        self.numbers = np.full(len(items), -1, np.int64)
        self.numbers[np.frombuffer(rows, np.int64)] = found.numbers
        self.sizes = np.array([_size(items.audio[rows[first]]) for first in found.first], np.int64)

    def size(self, row: int) -> int:
        """Return the bytes of the file of an item."""
        return int(self.sizes[self.numbers[row]])


def _size(audio: str) -> int:
    try:
        found = os.stat(audio)
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


def present_rows(
    items: ItemColumns, rows: array[int], files: AudioFiles, options: PrepareOptions, dropped: list[Dropped]
) -> array[int]:
    """Return the rows of the items whose file is there and holds something; the others are dropped.

    Raises:
        XlplError: there are such, and ``options.unusable`` says to stop; the first is named, and how many there are.
    """
    absent = array("q", (row for row in rows if files.size(row) <= 0))
    if absent and options.unusable == "stop":
        raise _absent_files(items.audio[absent[0]], files.size(absent[0]), files)
    dropped += (Dropped(items.ids[row], _absence(files.size(row))) for row in absent)
    return array("q", (row for row in rows if files.size(row) > 0)) if absent else rows


def _absence(size: int) -> Reason:
    return Reason.EMPTY if size == 0 else Reason.MISSING


def _absent_files(audio: str, size: int, files: AudioFiles) -> XlplError:
    return XlplError(
        f"{_absence(size)}; {np.sum(files.sizes <= 0)} of {len(files.sizes)} files are missing or empty",
        file=audio,
        expected="an audio file",
        remedy="check the paths, or leave such files out with their reason: --skip-unreadable",
    )
