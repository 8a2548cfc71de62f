"""What people read: aligned text for the terminal, markdown for a file, a number with its noun."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

Form = Literal["text", "markdown"]

_WIDTH = 500  # wide enough that no cell is ever wrapped or cut


def render(rows: Sequence[Mapping[str, str]], form: Form = "text") -> str:
    """Draw rows (column title -> cell, all with the same titles); the first column is set left, the others right."""
    table = Table(box=box.MARKDOWN if form == "markdown" else box.SIMPLE_HEAD)
    for number, title in enumerate(rows[0] if rows else ()):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell.replace("|", "\\|") if form == "markdown" else cell for cell in row.values()))
    stream = io.StringIO()
    Console(file=stream, width=_WIDTH, color_system=None, markup=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip("\n")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "word"), counted(2, "word")
    ('1 word', '2 words')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
