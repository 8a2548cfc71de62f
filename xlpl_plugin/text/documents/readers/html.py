"""HTML: a paragraph, heading, list item or table cell is a block."""

from __future__ import annotations

import re

from lxml import etree, html

from xlpl_plugin.encoding import mark_of
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.documents.source import DocumentPiece

# where a page says which part of it is the text; the first is LibreOffice's help
_CONTENT = ("//*[@id='DisplayArea']", "//main", "//article", "//body")
_NOT_TEXT = frozenset(
    ["script", "style", "noscript", "nav", "header", "footer", "aside", "button", "pre", "svg", "math"]
)  # fmt: skip
_INLINE = frozenset([
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
])  # fmt: skip
_SPACE = re.compile(r"\s+")


def page_blocks(piece: DocumentPiece) -> list[str]:
    """Return the blocks of a page: UTF-8, or in the encoding of its mark or its own declaration."""
    return html_blocks(piece.content, piece.source.name)


def html_blocks(raw: bytes, name: str) -> list[str]:
    """Return the text of each paragraph, heading, list item and table cell.

    Raises:
        XlplError: there is no page to read.
    """
    try:
        document = html.document_fromstring(raw, parser=html.HTMLParser(encoding=_encoding(raw), no_network=True))
    except (etree.ParserError, ValueError) as error:
        raise XlplError(f"cannot read the page: {error}", file=name, expected="HTML") from error
    content = next((found[0] for path in _CONTENT if (found := document.xpath(path))), document)
    return [block for line in _text(content).split("\n") if (block := line.strip())]


def _encoding(raw: bytes) -> str | None:
    """Return the encoding of the mark, else UTF-8 if it is that, else None: as the page declares."""
    marked, _ = mark_of(raw)
    if marked != "utf-8":
        return marked
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _text(content: html.HtmlElement) -> str:
    """Return the text with spaces as they are shown and a line for each block."""
    parts: list[str] = []
    walk = etree.iterwalk(content, events=("start", "end", "comment", "pi"))
    for event, node in walk:
        known = isinstance(node.tag, str)
        block = known and node.tag not in _INLINE
        if event == "start" and known:
            parts.append("\n" if block else "")
            if node.tag in _NOT_TEXT:
                walk.skip_subtree()
            else:
                parts.append(_SPACE.sub(" ", node.text or ""))
        else:
            parts.append("\n" if block else "")
            parts.append(_SPACE.sub(" ", node.tail or "") if node is not content else "")
    return "".join(parts)
