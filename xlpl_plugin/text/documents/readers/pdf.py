"""PDF: paragraphs are put together from the lines of its pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.text.documents.source import DocumentPiece

# a paragraph's last line, or a heading, is shorter than this share of the page's usual line
_SHORT = 0.7
_HYPHENATED = re.compile(r"(?<=\w)[-\u00ad\u2010]\n(?=[^\W\d_])")


def pdf_blocks(piece: DocumentPiece) -> Iterator[str]:
    """Yield the paragraphs of each page; a word that is divided at the end of a line is made whole.

    Raises:
        XlplError: no PDF, one with a password, one without text, or pypdf is missing.
    """
    pypdf = optional_module("pypdf", "documents", piece.source.form, piece.source.name)
    found = False
    try:
        for page in _pages(pypdf, piece):
            for block in paragraphs(page.extract_text()):
                found = True
                yield block
    except XlplError:
        raise
    except Exception as error:  # a damaged file can fail in pypdf in any way, with KeyError as with its own errors
        raise XlplError(
            f"cannot read the PDF: {type(error).__name__}: {error}", file=piece.source.name, expected="a PDF"
        ) from error
    if not found:
        raise XlplError(
            "no text in the PDF: its pages are pictures",
            file=piece.source.name,
            expected="a PDF with text",
            remedy="recognise the letters first, for example with ocrmypdf",
        )


def _pages(pypdf: Any, piece: DocumentPiece) -> Any:
    reader = pypdf.PdfReader(io.BytesIO(piece.content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise XlplError(
            "the PDF has a password",
            file=piece.source.name,
            expected="a PDF that anyone can open",
            remedy="save it without the password",
        )
    return reader.pages


def paragraphs(page: str) -> Iterator[str]:
    """Yield the paragraphs of a page's text: a paragraph ends with a short line, or before an empty one."""
    lines = [line.strip() for line in page.splitlines()]
    lengths = sorted(map(len, filter(None, lines)))
    short = _SHORT * lengths[len(lengths) * 3 // 4] if lengths else 0
    held: list[str] = []
    for line in [*lines, ""]:
        if line:
            held.append(line)
        if held and len(line) < short:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(lines: list[str]) -> str:
    text = "\n".join(lines)
    # a capital after the hyphen is a name's: Emilia-Romagna
    text = _HYPHENATED.sub(lambda end: "" if text[end.end()].islower() else end[0].rstrip("\n"), text)
    return text.replace("\n", " ")
