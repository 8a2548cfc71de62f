"""A document and the pieces that it is read in: what the reading process hands to the workers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from xlpl_plugin.encoding import mark_of
from xlpl_plugin.errors import XlplError

# bytes of a piece of a text that can be read in pieces: less than a second of a worker's work
PIECE = 1 << 18
# bytes of a line: no person writes longer ones, and a line must fit in memory
MAX_LINE = 1 << 26
# bytes of a document that must be in memory whole, such as a PDF, unpacked where it is compressed
MAX_WHOLE = 1 << 29


@dataclass(frozen=True)
class Source:
    """A document: a file, or a member of an archive (``archive.zip/member.txt``).

    Attributes:
        name: for people and errors.
        form: name of its form, see ``forms.py``.
        field: where JSON Lines and tables have the text.
    """

    name: str
    form: str
    field: str = "text"


@dataclass(frozen=True)
class DocumentPiece:
    """A part of a document that can be read for itself.

    Attributes:
        content: bytes, or what the form's ``cut`` makes and its ``blocks`` reads.
        line: of the document, with which the content begins.
        size: bytes or characters.
    """

    source: Source
    content: Any
    line: int = 1
    size: int = 0


@dataclass(frozen=True)
class Unreadable:
    """A document of which nothing more can be read, and why."""

    name: str
    error: XlplError


def whole(stream: io.BufferedReader, source: Source) -> Iterator[DocumentPiece]:
    """Yield the bytes of a document in one piece.

    Raises:
        XlplError: it is too large to be held in memory.
    """
    content = stream.read(MAX_WHOLE + 1)
    if len(content) > MAX_WHOLE:
        raise XlplError(
            f"larger than {MAX_WHOLE >> 20} MiB, unpacked",
            file=source.name,
            expected=f"a smaller document: one of the form {source.form} must be in memory whole",
            remedy="divide it, or save its text as txt, which may have any size",
        )
    yield DocumentPiece(source, content, size=len(content))


def whole_text(stream: io.BufferedReader, source: Source) -> Iterator[DocumentPiece]:
    """Yield the text of a document in one piece, UTF-8 without a byte order mark; UTF-16 and 32 by their mark.

    Raises:
        XlplError: it is too large to be held in memory, or not in the encoding of the mark.
    """
    return whole(utf8(stream, source), source)


def whole_lines(stream: io.BufferedReader, source: Source) -> Iterator[DocumentPiece]:
    """Yield UTF-8 bytes that end where a line ends, without a byte order mark; UTF-16 and 32 by their mark.

    Raises:
        XlplError: a line is too long, or not in the encoding of the mark.
    """
    stream = utf8(stream, source)
    line = 1
    while content := stream.read(PIECE):
        rest = b"" if content.endswith(b"\n") else stream.readline(MAX_LINE)
        if len(rest) == MAX_LINE:
            raise XlplError(
                f"a line is longer than {MAX_LINE >> 20} MiB",
                file=source.name,
                line=line + content.count(b"\n"),
                expected="text in lines",
            )
        content += rest
        yield DocumentPiece(source, content, line, len(content))
        line += content.count(b"\n")


def utf8(stream: io.BufferedReader, source: Source) -> io.BufferedReader:
    """Return the stream behind its byte order mark; one whose mark is of UTF-16 or 32 as UTF-8."""
    head = stream.peek(4)[:4]
    encoding, length = mark_of(head)
    if encoding != "utf-8":
        return io.BufferedReader(_Recoded(io.TextIOWrapper(stream, encoding, newline=""), source), PIECE)
    stream.read(length)
    return stream


class _Recoded(io.RawIOBase):
    """The UTF-8 bytes of a text in another encoding."""

    def __init__(self, text: io.TextIOWrapper, source: Source) -> None:
        self._text, self._source, self._ahead = text, source, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._ahead:
            self._ahead = self._next()
        given = self._ahead[: len(buffer)]
        self._ahead = self._ahead[len(given) :]
        buffer[: len(given)] = given
        return len(given)

    def _next(self) -> bytes:
        try:
            return self._text.read(PIECE).encode()
        except UnicodeError as error:
            raise XlplError(
                f"not {self._text.encoding.upper()}, which its byte order mark names: {error}",
                file=self._source.name,
                expected="text in one encoding",
            ) from error
