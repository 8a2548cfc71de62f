"""Dumps of a MediaWiki, such as Wikipedia's: the text of its articles, one page at a time.

mwxml is not used: it reads a fifth as fast as lxml, on which all workers wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, NamedTuple

from lxml import etree

from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.text.documents.bounds import check_entities
from xlpl_plugin.text.documents.source import PIECE, DocumentPiece, Source

# namespaces by their numbers, which are the same in every wiki
_ARTICLES, _FILES, _CATEGORIES = "0", "6", "14"
_UNSPOKEN_TAGS = frozenset({"ref", "references", "table", "gallery", "math", "syntaxhighlight", "source", "pre"})


# __NOTOC__ and its names in other languages
_SWITCH = re.compile(r"__[^\W\d_]+__")
# a link to the same article in another language, as it was made before Wikidata
_OTHER_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:\S")


class Pages(NamedTuple):
    """Marked up text of some articles, and the prefixes of links that show no text (``File``, ``Categoria``)."""

    texts: list[str]
    unspoken: frozenset[str]


def dump_pieces(stream: BufferedReader, source: Source) -> Iterator[DocumentPiece]:
    """Yield the articles of a dump, without redirects, some at a time.

    Raises:
        XlplError: the XML is broken, or declares entities.
    """
    try:
        yield from _pieces(_nodes(stream, source), source)
    except etree.XMLSyntaxError as error:
        raise XlplError(
            f"the XML is broken: {error.msg}", file=source.name, line=error.lineno, expected="a whole MediaWiki dump"
        ) from error


def _pieces(nodes: Iterator[etree._Element], source: Source) -> Iterator[DocumentPiece]:
    namespaces: dict[str, str] = {}
    texts: list[str] = []
    size = 0
    for node in nodes:
        if etree.QName(node).localname == "namespace":
            namespaces[(node.text or "").lower()] = node.get("key", "")
        elif text := _article(node, namespaces):
            texts.append(text)
            size += len(text)
        if size >= PIECE:
            yield DocumentPiece(source, Pages(texts, _unspoken(namespaces)), size=size)
            texts, size = [], 0
    yield DocumentPiece(source, Pages(texts, _unspoken(namespaces)), size=size)


def _unspoken(namespaces: dict[str, str]) -> frozenset[str]:
    # the English names hold in every wiki
    return frozenset(
        {"file", "image", "category", *(n for n, key in namespaces.items() if key in (_FILES, _CATEGORIES))}
    )


def _nodes(stream: BufferedReader, source: Source) -> Iterator[etree._Element]:
    """Yield the declarations of namespaces and the pages, and drop each when it has been used."""
    safe = {"resolve_entities": False, "no_network": True, "huge_tree": False, "load_dtd": False}
    parser = etree.iterparse(stream, events=("end",), tag=("{*}namespace", "{*}page"), **safe)
    for number, (_, node) in enumerate(parser):
        if not number:
            check_entities(node, source.name)
        yield node
        node.clear()
        while node.getprevious() is not None:
            del node.getparent()[0]


def _article(page: etree._Element, namespaces: dict[str, str]) -> str:
    """Return the marked up text of the page's last revision; empty where it is no article."""
    prefix, colon, _ = page.findtext("{*}title", "").partition(":")
    # dumps before 2012 do not say it
    namespace = page.findtext("{*}ns") or (namespaces.get(prefix.lower()) if colon else None) or _ARTICLES
    if namespace != _ARTICLES or page.find("{*}redirect") is not None:
        return ""
    revisions = page.findall("{*}revision")
    if not revisions or revisions[-1].findtext("{*}model", "wikitext") != "wikitext":
        return ""
    return revisions[-1].findtext("{*}text") or ""


def article_blocks(piece: DocumentPiece) -> Iterator[str]:
    """Yield the paragraphs, headings and list items of articles; templates, tables, notes and files are no text.

    Raises:
        XlplError: mwparserfromhell is missing.
    """
    parser = optional_module("mwparserfromhell", "documents", piece.source.form, piece.source.name)
    for text in piece.content.texts:
        code = parser.parse(_SWITCH.sub("", text), skip_style_tags=True)
        _take_off(code, piece.content.unspoken)
        for line in code.strip_code().replace("'''", "").replace("''", "").splitlines():
            if block := line.strip(" *#:;"):
                yield block


def _take_off(code: Any, unspoken: frozenset[str]) -> None:
    for node in code.filter(recursive=True, matches=lambda node: _is_unspoken(node, unspoken)):
        try:
            code.remove(node)
        except ValueError:  # it went with the one around it
            continue


def _is_unspoken(node: Any, unspoken: frozenset[str]) -> bool:
    kind = type(node).__name__
    if kind == "Tag":
        return str(node.tag).strip().lower() in _UNSPOKEN_TAGS
    if kind != "Wikilink":
        return False
    title = str(node.title).strip()
    prefix, colon, _ = title.partition(":")
    if node.text is None and _OTHER_LANGUAGE.match(title):
        return True
    return bool(colon) and prefix.strip().lower() in unspoken
