"""EPUB: the pages of a book in the order in which they are read."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from xlpl_plugin.text.documents.bounds import safe_xml
from xlpl_plugin.text.documents.readers.html import html_blocks
from xlpl_plugin.text.documents.readers.office import broken, unzipped
from xlpl_plugin.text.documents.source import DocumentPiece, Source

_PAGES = ("application/xhtml+xml", "text/html")


def epub_blocks(piece: DocumentPiece) -> list[str]:
    """Return the blocks of the pages; the table of contents is no text.

    Raises:
        XlplError: the book is broken, or encrypted.
    """
    blocks: list[str] = []
    with unzipped(piece) as archive:
        pages = list(_pages(archive, piece.source))
        _check_open(archive, pages, piece.source)
        for page in pages:
            if content := archive.read(page):
                blocks += html_blocks(content, f"{piece.source.name}/{page}")
    return blocks


def _pages(archive: zipfile.ZipFile, source: Source) -> Iterator[str]:
    container = safe_xml(archive.read("META-INF/container.xml"), source.name)
    place = container.find(".//{*}rootfile")
    if place is None:
        raise broken(source, "META-INF/container.xml names no package")
    package_file = place.get("full-path", "")
    package = safe_xml(archive.read(package_file), source.name)
    items = {item.get("id"): item for item in package.iterfind("{*}manifest/{*}item")}
    for reference in package.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None:
            raise broken(source, f"{package_file} lists no item {reference.get('idref')!r}")
        if item.get("media-type") in _PAGES and "nav" not in item.get("properties", "").split():
            yield posixpath.normpath(posixpath.join(posixpath.dirname(package_file), unquote(item.get("href", ""))))


def _check_open(archive: zipfile.ZipFile, pages: list[str], source: Source) -> None:
    """Raise ``XlplError`` where a page is encrypted; fonts often are."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    hidden = safe_xml(archive.read("META-INF/encryption.xml"), source.name).iterfind(".//{*}CipherReference")
    if {unquote(reference.get("URI", "")) for reference in hidden} & set(pages):
        raise broken(source, "it is encrypted (DRM)")
