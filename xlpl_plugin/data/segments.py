"""What Kaldi says of utterances: which stretch of which recording, and who speaks.

Fields stand between single spaces. A space inside a name is written as ``%20``, a per cent sign as ``%25``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import quote, unquote

from xlpl_plugin.data.columns import ColumnMapping, TextColumn, first_repeat
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, write_lines

_UNSAFE = re.compile(r"[\s%]")


@dataclass(frozen=True, slots=True)
class Segment:
    """An utterance that is a stretch of a recording, in seconds."""

    id: str
    recording: str
    start: float
    end: float


@dataclass(frozen=True)
class Segments:
    """The file ``segments``: ``utterance recording start end`` a line."""

    rows: Sequence[Segment]

    file: ClassVar[str] = "segments"

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read ``folder/segments``; no rows where there is no such file.

        Raises:
            XlplError: a line has another form.
        """
        rows = [_segment(fields, file, line) for fields, file, line in _rows(Path(folder) / cls.file, 4)]
        return cls(tuple(rows))

    def write(self, folder: str | Path) -> None:
        """Write ``folder/segments``, where there are rows."""
        lines = (f"{_name(row.id)} {_name(row.recording)} {row.start:.3f} {row.end:.3f}" for row in self.rows)
        if self.rows:
            write_lines(Path(folder) / self.file, lines)


@dataclass(frozen=True)
class Speakers:
    """The file ``utt2spk``: ``utterance speaker`` a line, of the utterances whose speaker is known."""

    of: Mapping[str, str]

    file: ClassVar[str] = "utt2spk"

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read ``folder/utt2spk``; no speakers where there is no such file.

        Raises:
            XlplError: a line has another form.
        """
        ids, speakers = TextColumn(), TextColumn()
        for fields, _, _ in _rows(Path(folder) / cls.file, 2):
            ids.append(unquote(fields[0]))
            speakers.append(unquote(fields[1]))
        # of an utterance that stands twice the last line holds
        return cls(dict(zip(ids, speakers, strict=True)) if first_repeat(ids) else ColumnMapping(ids, speakers))

    def write(self, folder: str | Path) -> None:
        """Write ``folder/utt2spk``, where a speaker is known."""
        if self.of:
            write_lines(Path(folder) / self.file, (f"{_name(key)} {_name(who)}" for key, who in self.of.items()))


def _name(text: str) -> str:
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), text)


def _rows(file: Path, count: int) -> Iterator[tuple[list[str], Path, int]]:
    for number, line in enumerate(iter_lines(file) if file.exists() else (), start=1):
        fields = line.split(" ")
        if len(fields) != count:
            raise XlplError(f"{len(fields)} fields", file=file, line=number, expected=f"{count}, between single spaces")
        yield fields, file, number


def _segment(fields: list[str], file: Path, line: int) -> Segment:
    try:
        start, end = float(fields[2]), float(fields[3])
    except ValueError as error:
        raise XlplError(str(error), file=file, line=line, expected="utterance recording start end") from error
    if not 0 <= start < end:
        raise XlplError(f"from {start} to {end}", file=file, line=line, expected="seconds, the end after the start")
    return Segment(unquote(fields[0]), unquote(fields[1]), start, end)
