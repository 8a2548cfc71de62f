"""Plain text: a line is a block."""

from __future__ import annotations

from collections.abc import Iterator

from xlpl_plugin.encoding import decoded
from xlpl_plugin.text.documents.source import DocumentPiece


def lines(piece: DocumentPiece) -> Iterator[str]:
    """Yield the lines of a piece that ``whole_lines`` cut.

    Raises:
        XlplError: a line is not UTF-8.
    """
    for line in decoded(piece.content, piece.source.name, piece.line).split("\n"):
        yield line.rstrip("\r")
