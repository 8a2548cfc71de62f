"""Text in rows: JSON Lines, and tables (tsv, csv) that name their columns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.readers.plain import lines
from xlpl_plugin.text.documents.source import PIECE, DocumentPiece, Source, utf8

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

csv.field_size_limit(1 << 26)


def json_texts(piece: DocumentPiece) -> Iterator[str]:
    """Yield the lines of the text of each object; empty lines are no objects.

    Raises:
        XlplError: a line is no JSON object, or its text is missing or no text.
    """
    for number, line in enumerate(lines(piece), start=piece.line):
        if line.strip():
            yield from _text(line, number, piece.source).splitlines()


def _text(line: str, number: int, source: Source) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _bad(source, number, f"not JSON: {error}") from error
    if not isinstance(row, dict):
        raise _bad(source, number, f"a JSON {type(row).__name__}, not an object")
    text = row.get(source.field)
    if not isinstance(text, str):
        shown = ", ".join(map(repr, row)) or "none"
        raise _bad(source, number, f"no text in the field {source.field!r}; its fields: {shown}")
    return text


def _bad(source: Source, number: int, problem: str) -> XlplError:
    return XlplError(
        problem,
        file=source.name,
        line=number,
        expected=f'one object a line, such as {{"{source.field}": "..."}}',
        remedy="name the field with the text by --field",
    )


def table_pieces(stream: io.BufferedReader, source: Source) -> Iterator[DocumentPiece]:
    """Yield the texts of a table's column; tabs are never quoted, commas as csv has them.

    Raises:
        XlplError: there is no such column, a row is too short, or the file is not UTF-8.
    """
    text = io.TextIOWrapper(utf8(stream, source), "utf-8", newline="")
    rows = csv.reader(text) if source.form == "csv" else csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        yield from _column(rows, source)
    except UnicodeDecodeError as error:
        raise _unreadable(source, rows.line_num + 1, "not UTF-8") from error
    except csv.Error as error:
        raise _unreadable(source, rows.line_num, f"not a table: {error}") from error


def _column(rows: CsvReader, source: Source) -> Iterator[DocumentPiece]:
    header: list[str] = next(rows, [])
    if source.field not in header:
        raise XlplError(
            f"no column {source.field!r}",
            file=source.name,
            line=1,
            expected=f"a header line that names it; there are: {', '.join(header) or 'none'}",
            remedy="name the column with the text by --field",
        )
    column = header.index(source.field)
    texts: list[str] = []
    size = 0
    for row in filter(None, rows):
        if len(row) <= column:
            raise _unreadable(source, rows.line_num, f"{len(row)} cells, no column {source.field!r}")
        texts.append(row[column])
        size += len(row[column])
        if size >= PIECE:
            yield DocumentPiece(source, texts, size=size)
            texts, size = [], 0
    yield DocumentPiece(source, texts, size=size)


def _unreadable(source: Source, line: int, problem: str) -> XlplError:
    return XlplError(problem, file=source.name, line=line, expected=f"a {source.form} in UTF-8 with a header line")


def cell_texts(piece: DocumentPiece) -> Iterator[str]:
    """Yield the lines of the cells that ``table_pieces`` found."""
    for cell in piece.content:
        yield from cell.splitlines()
