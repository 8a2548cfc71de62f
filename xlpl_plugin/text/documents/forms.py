"""The forms of documents that are read: a new one is an entry here, with its suffixes and its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import PurePath

from xlpl_plugin.encoding import signature_of
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.readers.epub import epub_blocks
from xlpl_plugin.text.documents.readers.html import page_blocks
from xlpl_plugin.text.documents.readers.markdown import markdown_blocks
from xlpl_plugin.text.documents.readers.mediawiki import article_blocks, dump_pieces
from xlpl_plugin.text.documents.readers.office import docx_blocks, odt_blocks
from xlpl_plugin.text.documents.readers.pdf import pdf_blocks
from xlpl_plugin.text.documents.readers.plain import lines
from xlpl_plugin.text.documents.readers.rows import cell_texts, json_texts, table_pieces
from xlpl_plugin.text.documents.readers.subtitles import subtitle_blocks
from xlpl_plugin.text.documents.source import DocumentPiece, Source, whole, whole_lines, whole_text


@dataclass(frozen=True)
class Form:
    """A form of documents.

    Attributes:
        blocks: yields the blocks of a piece (paragraphs, lines, cells), none of which goes on in the next; runs in
            a worker.
        cut: yields the pieces of a stream; runs in the reading process, so it must be quick, and hold no more than a
            piece if documents of the form may have any size.
        start: bytes that its documents must have at their start; a file that has them is of the form by any name.
        needs: bytes that must be among the first of a file of this name, else it is of an unknown form.
    """

    name: str
    suffixes: tuple[str, ...]
    blocks: Callable[[DocumentPiece], Iterable[str]]
    cut: Callable[[BufferedReader, Source], Iterator[DocumentPiece]] = whole
    start: bytes = b""
    needs: bytes = b""


_ZIP = b"PK\x03\x04"
# old Word documents, and Rich Text, which would pass for plain text
_NEVER_READ = (b"\xd0\xcf\x11\xe0", b"{\\rtf")
FORMS = {
    form.name: form
    for form in (
        Form("txt", (".txt",), lines, whole_lines),
        Form("md", (".md", ".markdown"), markdown_blocks, whole_text),
        Form("html", (".html", ".htm", ".xhtml"), page_blocks),
        Form("srt", (".srt",), subtitle_blocks, whole_text),
        Form("vtt", (".vtt",), subtitle_blocks, whole_text),
        Form("ass", (".ass", ".ssa"), subtitle_blocks, whole_text),
        Form("jsonl", (".jsonl", ".ndjson"), json_texts, whole_lines),
        Form("tsv", (".tsv",), cell_texts, table_pieces),
        Form("csv", (".csv",), cell_texts, table_pieces),
        Form("mediawiki", (".xml",), article_blocks, dump_pieces, needs=b"<mediawiki"),
        Form("pdf", (".pdf",), pdf_blocks, start=b"%PDF-"),
        Form("docx", (".docx",), docx_blocks, start=_ZIP),
        Form("odt", (".odt",), odt_blocks, start=_ZIP),
        Form("epub", (".epub",), epub_blocks, start=_ZIP),
    )
}
BY_SUFFIX = {suffix: form for form in FORMS.values() for suffix in form.suffixes}


def blocks_of(piece: DocumentPiece) -> Iterable[str]:
    """Return the blocks of a piece, by its form.

    Raises:
        XlplError: it cannot be read.
    """
    return FORMS[piece.source.form].blocks(piece)


def form_of(bare: str, head: bytes, name: str) -> Form | None:
    """Return the form of a document, by how it begins where its name lies; None: it is of no form that is known.

    Args:
        bare: the name without the suffix of a compression.
        head: some hundred bytes from the start.
        name: for errors.

    Raises:
        XlplError: a form that its name promises and its content is not, or one that is no text and not read.
    """
    form = BY_SUFFIX.get(PurePath(bare).suffix.lower())
    if form is not None and form.start and head.startswith(form.start):
        return form
    if head.startswith(FORMS["pdf"].start):
        return FORMS["pdf"]
    if head.startswith(_NEVER_READ):
        kind, remedy = signature_of(head)
        raise XlplError(f"the file is {kind}", file=name, expected=expected(), remedy=remedy)
    if form is not None and form.start:
        raise XlplError(f"called {form.suffixes[0]}, and no {form.name}", file=name, expected=f"a whole {form.name}")
    return None if form is not None and form.needs not in head else form


def expected() -> str:
    """Return the forms that are read, for errors."""
    return f"files with one of the endings {' '.join(sorted(BY_SUFFIX))}, plain, compressed, or in a .zip or .tar"
