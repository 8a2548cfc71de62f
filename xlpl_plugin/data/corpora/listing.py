"""What a reader of a corpus notes down: items, where they stand in the corpus, and what it passed over."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from xlpl_plugin.data.columns import CodedTexts, first_repeat, text_hashes
from xlpl_plugin.data.items import Item, ItemColumns
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines

Division = Literal["own", "corpus"]

_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "valid"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_CONTROL = re.compile(r"[\t\n\r\0]")
# what tables write where they do not know who speaks; as a name it would make one person of many
_NOBODY = frozenset({"", "-", "n/a", "na", "nan", "none", "null", "unknown"})


class Place(NamedTuple):
    """Where a corpus says something: a file, and the line or row from 1; 0: the file as a whole."""

    file: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


class _Places:
    """The place of each item, as columns: where an item's own audio is the place, nothing is noted."""

    def __init__(self) -> None:
        self._files, self._lines = CodedTexts(), array("q")

    def append(self, place: Place, item: Item) -> None:
        self._files.append("" if place == Place(item.audio) else str(place.file))
        self._lines.append(place.line)

    def of(self, row: int, items: ItemColumns) -> Place:
        return Place(Path(self._files[row] or items.audio[row]), self._lines[row])


@dataclass(frozen=True)
class Corpus:
    """A corpus as its reader found it.

    Attributes:
        form: the name of the form that it was read as.
        passed_over: kind of thing -> how many of it were left out.
        notes: sentences that a user should see.
        unpacked: whether the audio lies in the work folder, and is gone when that is removed.
    """

    form: str
    items: ItemColumns
    passed_over: dict[str, int]
    notes: tuple[str, ...]
    unpacked: bool = False


@dataclass
class Listing:
    """A corpus while a reader goes through it.

    Attributes:
        division: 'corpus' gives items the part that the corpus has for them; 'own' gives none.
        work: a folder, which need not be there yet, for audio that lies inside other files.
        unused_columns: those of tables that mean nothing here, in their order.
    """

    division: Division
    work: Path
    items: ItemColumns = field(default_factory=ItemColumns)
    passed_over: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    unused_columns: dict[str, None] = field(default_factory=dict)
    unpacked: bool = False
    _places: _Places = field(default_factory=_Places)
    # hashes of the ids, from when it is first asked whether one is known
    _hashes: set[int] | None = None

    def add(self, item: Item, place: Place, split: str = "") -> None:
        """Note an item that stands at ``place``, in the part that the corpus calls ``split``.

        Raises:
            XlplError: an id that is no name of a file below a folder; an impossible stretch.
        """
        _check_id(item.id, place)
        _check_stretch(item, place)
        part = ""
        if self.division == "corpus":
            part = part_of(split)
            if not part:
                self.passed_over[f"rows of no part{f' ({split})' if split else ''}"] += 1
                return
        self._places.append(place, item)
        if self._hashes is not None:
            self._hashes.add(hash(item.id))
        speaker = "" if item.speaker.lower() in _NOBODY else item.speaker
        self.items.append(replace(item, part=part, speaker=speaker) if part or speaker != item.speaker else item)

    def knows(self, name: str) -> bool:
        """Whether an item of that id was noted: wrong, by chance, once in 10^13 times, and then for yes."""
        if self._hashes is None:
            self._hashes = set(text_hashes(self.items.ids).tolist())
        return hash(name) in self._hashes

    def corpus(self, form: str) -> Corpus:
        """Return what was found.

        Raises:
            XlplError: an id stands twice.
        """
        if found := first_repeat(self.items.ids):
            place, first = (self._places.of(row, self.items) for row in found)
            raise _duplicate(self.items.ids[found[0]], first, place)
        notes = tuple(filter(None, (*self.notes, self._columns(), self._speakers(), self._overlaps())))
        return Corpus(form, self.items, dict(self.passed_over), notes, self.unpacked)

    def _columns(self) -> str:
        return f"columns passed over: {', '.join(self.unused_columns)}" if self.unused_columns else ""

    def _speakers(self) -> str:
        unknown = len(self.items.speakers.rows_of(""))
        return f"no speaker in {unknown} of {len(self.items)} rows" if 0 < unknown < len(self.items) else ""

    def _overlaps(self) -> str:
        count = self.items.overlaps(range(len(self.items)))
        return f"stretches that begin before the one before them ends: {count}" if count else ""


def part_of(name: str) -> str:
    """Return our name for a corpus's part; '' where it is none.

    >>> part_of("dev-clean"), part_of("train_9hr"), part_of("validation-00000-of-00002"), part_of("other")
    ('valid', 'train', 'valid', '')
    """
    return next((_PARTS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _PARTS), "")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank with their numbers.

    Raises:
        XlplError: the file is missing, or a line is not UTF-8.
    """
    for number, line in enumerate(iter_lines(path), start=1):
        if line.strip(" "):
            yield number, line


def first_line(path: Path) -> str:
    """Return the first line that is not blank; '' where there is none that can be read."""
    try:
        return next((line for _, line in numbered_lines(path)), "") if path.is_file() else ""
    except XlplError:
        return ""


def folders(folder: Path) -> list[Path]:
    """Return the folders in ``folder`` that are not hidden, in alphabetical order."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def sound_file(base: Path, suffixes: Sequence[str]) -> Path:
    """Return the file whose path without suffix is ``base``: the one there is, else that of the first suffix."""
    candidates = [base.with_name(base.name + suffix) for suffix in suffixes]
    return next((path for path in candidates if path.exists()), candidates[0])


def resolve_below(path: str, folder: Path) -> Path:
    """Return where a path in a manifest leads.

    A relative one counts from the folder that the recipe ran in, which is not told: ``folder``, one above it or the
    working folder, the first in which the file is.
    """
    if Path(path).is_absolute():
        return Path(path)
    bases = (folder, *folder.absolute().parents, Path.cwd())
    return next((base / path for base in bases if (base / path).exists()), folder / path)


def need_folder(folder: Path, what: str, remedy: str) -> Path:
    """Return a folder inside a corpus that it cannot do without.

    Raises:
        XlplError: it is not there.
    """
    if not folder.is_dir():
        raise XlplError(f"has no folder {folder.name}", file=folder.parent, expected=what, remedy=remedy)
    return folder


def stretch_name(name: str, start: float, end: float | None, channel: int | None) -> str:
    """Return an id for a stretch of the recording ``name``, with its ends in hundredths of a second."""
    ends = [f"{round(100 * start):07d}"] if start or end is not None else []
    ends += [f"{round(100 * end):07d}"] if end is not None else []
    return "-".join([name, *ends, *([] if channel is None else [f"ch{channel}"])])


def parse_seconds(value: str, what: str, place: Place) -> float:
    """Return a time in seconds.

    Raises:
        XlplError: it is not a finite number.
    """
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise error_at(place, f"{what} is {value!r}", "a number of seconds")
    return seconds


def error_at(place: Place, problem: str, expected: str, remedy: str | None = None) -> XlplError:
    """Return the error about what stands at ``place``."""
    return XlplError(problem, file=place.file, line=place.line or None, expected=expected, remedy=remedy)


def separator_hint(line: str, separator: str) -> str | None:
    """Return what to do where a line that should be parted by ``separator`` seems to be parted by another mark."""
    names = {"\t": "tabs", ",": "','", ";": "';'", "|": "'|'"}
    found = max((mark for mark in names if mark != separator), key=line.count)
    if separator in line or found not in line:
        return None
    return f"the cells seem to be parted by {names[found]}: part them by {names[separator]}"


def _check_id(name: str, place: Place) -> None:
    if not name.strip("./") or name.startswith("/") or ".." in name.split("/") or _CONTROL.search(name):
        raise error_at(place, f"unusable id {name!r}", "a relative path without '..' and tabs", "rename it")


def _check_stretch(item: Item, place: Place) -> None:
    if item.start < 0:
        raise error_at(place, f"{item.id} begins at {item.start:g} s", "0 s or later")
    if item.end is not None and item.end <= item.start:
        raise error_at(place, f"{item.id} ends at {item.end:g} s, and begins at {item.start:g} s", "an end after it")


def _duplicate(name: str, first: Place, place: Place) -> XlplError:
    known = f"on line {first.line}" if first.file == place.file and first.line else f"in {first}"
    return error_at(place, f"duplicate id {name!r}, first {known}", "every id once", "rename or remove one")
