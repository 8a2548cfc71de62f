"""The table of picked utterances: written for a native speaker, read back with what that person says is spoken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import Self

from xlpl_plugin.data.corpora.tables import Row, iter_rows
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines

# what stands for a transcript where nothing is said; spreadsheets and phones make a dash of it
NOTHING_SAID = "-"
_DASHES = frozenset({NOTHING_SAID, "–", "—"})
_NEEDED = ("id", "transcript")


@dataclass(frozen=True)
class Correction:
    """What a person says is spoken, as it was typed: capitals and punctuation too; no words: nothing is said."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, transcript: str) -> Self | None:
        """Return what a cell says; None for an empty one, which nobody has looked at.

        >>> Correction.parse("Ndiyo,  asante."), Correction.parse("-"), Correction.parse(" ")
        (Correction(words=('Ndiyo,', 'asante.')), Correction(words=()), None)
        """
        words = tuple(transcript.split())
        return None if not words else cls(()) if len(words) == 1 and words[0] in _DASHES else cls(words)

    @property
    def cell(self) -> str:
        """Return what ``parse`` reads as this."""
        return " ".join(self.words) or NOTHING_SAID


@dataclass(frozen=True)
class TableRow:
    """One row of ``table.tsv``.

    Attributes:
        id: the utterance.
        audio: relative path of its sound file.
        seconds: its duration, with two decimals.
        label: what the model wrote.
        transcript: what is said, by a person; empty: not looked at; '-': nothing is said.
        confidence: how sure the model is, 0 to 1, with three decimals; last, since editors may cut empty ends of lines.
    """

    id: str
    audio: str
    seconds: str
    label: str
    transcript: str
    confidence: str

    @property
    def line(self) -> str:
        return "\t".join(" ".join(cell.split()) for cell in astuple(self))


COLUMNS = tuple(item.name for item in fields(TableRow))


def write_table(file: str | Path, rows: Iterable[TableRow]) -> None:
    """Write the rows below the names of their columns, parted by tabs; white space in a cell becomes one space."""
    write_lines(file, ("\t".join(COLUMNS), *(row.line for row in rows)))


def read_table(file: str | Path) -> list[TableRow]:
    """Read back what ``write_table`` wrote; other columns are passed over.

    Raises:
        XlplError: as ``read_corrections``.
    """
    return [TableRow(**{name: row[name] for name in COLUMNS}) for row in _rows(Path(file), COLUMNS)]


def read_corrections(file: str | Path) -> dict[str, Correction]:
    """Return id -> what is said, for the rows that hold a transcript, in their order.

    The table is a .tsv, .csv or .jsonl with columns ``id`` and ``transcript``; others are passed over, in any order.

    Raises:
        XlplError: no such file, not UTF-8, a column missing, a row of another length, an id twice, no row at all.
    """
    parsed = {row["id"]: Correction.parse(row["transcript"]) for row in _rows(Path(file), _NEEDED)}
    return {name: correction for name, correction in parsed.items() if correction is not None}


def with_corrections(rows: Iterable[TableRow], corrections: dict[str, Correction]) -> list[TableRow]:
    """Return the rows with these transcripts; those that have none here become empty."""
    said = {name: correction.cell for name, correction in corrections.items()}
    return [replace(row, transcript=said.get(row.id, "")) for row in rows]


def _rows(file: Path, needed: Iterable[str]) -> Iterator[Row]:
    first: dict[str, int] = {}
    for line, row in iter_rows(file):
        if missing := [name for name in needed if name not in row]:
            raise XlplError(
                f"no column {' and '.join(map(repr, missing))}",
                file=file,
                line=line if file.suffix == ".jsonl" else 1,
                expected="the columns of the table that `xlpl pick` wrote, parted by tabs in a .tsv",
                remedy="correct a copy of that table, and keep its first line",
            )
        if first.setdefault(row["id"], line) != line:
            problem = f"id {row['id']!r} stands twice, first on line {first[row['id']]}"
            raise XlplError(problem, file=file, line=line, expected="every id once", remedy="take one row out")
        yield row
    if not first:
        raise XlplError("holds no row", file=file, expected="the table that `xlpl pick` wrote, with a transcript a row")
