"""Documents of word processors that are XML in a zip archive: docx and odt."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lxml import etree

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.bounds import DAMAGED, check_archive, safe_xml
from xlpl_plugin.text.documents.source import DocumentPiece, Source

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_OPEN = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_TEXT, _OFFICE = _OPEN % "text", _OPEN % "office"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


@contextmanager
def unzipped(piece: DocumentPiece) -> Iterator[zipfile.ZipFile]:
    """Open a document that is a zip archive.

    Raises:
        XlplError: it is broken, unpacks to too much, or lacks a part that is read in the block.
    """
    source = piece.source
    try:
        with zipfile.ZipFile(io.BytesIO(piece.content)) as archive:
            check_archive(archive, source.name)
            yield archive
    except DAMAGED as error:
        raise broken(source, str(error)) from error
    except etree.XMLSyntaxError as error:
        raise broken(source, f"its XML is broken: {error}") from error


def broken(source: Source, problem: str) -> XlplError:
    return XlplError(f"cannot read the {source.form}: {problem}", file=source.name, expected=f"a whole {source.form}")


def docx_blocks(piece: DocumentPiece) -> list[str]:
    """Return the paragraphs of a Word document and of its notes; what was struck out under review is not text.

    python-docx is not used: it passes over insertions under review and content controls.

    Raises:
        XlplError: the document is broken.
    """
    blocks: list[str] = []
    with unzipped(piece) as archive:
        parts = [name for name in archive.namelist() if name in ("word/footnotes.xml", "word/endnotes.xml")]
        for part in ("word/document.xml", *parts):
            blocks += _lines(_docx_parts(safe_xml(archive.read(part), piece.source.name)))
    return blocks


def _docx_parts(root: etree._Element) -> Iterator[str]:
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, node in walk:
        if node.tag == _FALLBACK:  # says the same as its sibling, for old programs
            walk.skip_subtree()
        elif node.tag == f"{_WORD}p":
            yield "\n"
        elif event == "start" and node.tag == f"{_WORD}t":
            yield node.text or ""
        elif event == "start" and node.tag == f"{_WORD}noBreakHyphen":
            yield "-"
        elif event == "start" and node.tag in (f"{_WORD}br", f"{_WORD}tab", f"{_WORD}cr"):
            yield " "


def odt_blocks(piece: DocumentPiece) -> list[str]:
    """Return the paragraphs and headings of an OpenDocument text; comments and struck-out text are no text.

    Raises:
        XlplError: the document is broken, or has a password.
    """
    with unzipped(piece) as archive:
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise broken(piece.source, "it has a password")
        root = safe_xml(archive.read("content.xml"), piece.source.name)
        return _lines(_odt_parts(root.find(f"{_OFFICE}body")))


def _odt_parts(body: etree._Element | None) -> Iterator[str]:
    unspoken = {f"{_OFFICE}annotation", f"{_TEXT}tracked-changes", f"{_TEXT}note-citation", f"{_TEXT}sequence-decls"}
    breaks = {f"{_TEXT}p": "\n", f"{_TEXT}h": "\n", f"{_TEXT}s": " ", f"{_TEXT}tab": " ", f"{_TEXT}line-break": " "}
    walk: Any = etree.iterwalk(body, events=("start", "end", "comment", "pi")) if body is not None else ()
    for event, node in walk:
        if event == "start" and node.tag in unspoken:
            walk.skip_subtree()
        elif event == "start":
            yield breaks.get(node.tag, "") + (node.text or "")
        else:
            yield ("\n" if breaks.get(node.tag) == "\n" else "") + (node.tail or "")


def _lines(parts: Iterator[str]) -> list[str]:
    return [block for line in "".join(parts).split("\n") if (block := " ".join(line.split()))]
