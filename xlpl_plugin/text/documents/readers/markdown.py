"""Markdown, by way of HTML: code, links' addresses and marks are no text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from markdown_it import MarkdownIt

from xlpl_plugin.encoding import decoded
from xlpl_plugin.text.documents.readers.html import html_blocks
from xlpl_plugin.text.documents.readers.plain import lines
from xlpl_plugin.text.documents.source import DocumentPiece

# settings of a page that stand before it
_FRONT_MATTER = re.compile(r"\A---\n.*?^(?:---|\.\.\.)\n", re.DOTALL | re.MULTILINE)


def markdown_blocks(piece: DocumentPiece) -> Iterable[str]:
    """Return the blocks of a page.

    Raises:
        XlplError: it is not UTF-8.
    """
    decoded(piece.content, piece.source.name, piece.line)
    text = _FRONT_MATTER.sub("", "\n".join(lines(piece)))
    page = _parser().render(text)
    return html_blocks(page.encode(), piece.source.name) if page.strip() else ()


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")
