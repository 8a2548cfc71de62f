"""Written text out of files: plain text, HTML, Debian packages; and its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from lxml import etree, html

from xlpl_plugin.debian import extract_deb
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, must_exist

HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
SUFFIXES = HTML_SUFFIXES | {".txt"}

# where a page says which part of it is the text; the first is LibreOffice's help
_CONTENT = ("//*[@id='DisplayArea']", "//main", "//article", "//body")
_NOT_TEXT = frozenset(
    ["script", "style", "noscript", "nav", "header", "footer", "aside", "button", "pre", "svg", "math"]
)  # fmt: skip
_INLINE = frozenset([
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
])  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”’»)\]]*\s+(?=[\"'“‘«¿¡(\[]*(?P<next>\S))")
_SPACE = re.compile(r"\s+")


class DocumentFiles:
    """The text and HTML files below some paths; a .deb is unpacked for as long as the ``with`` block lasts."""

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._paths = [Path(path) for path in paths]
        self._stack = ExitStack()

    def __enter__(self) -> list[Path]:
        found: list[Path] = []
        with self._stack:
            for path in self._paths:
                found += self._below(must_exist(path, "a text or HTML file, a folder of them, or a .deb"))
            if not found:
                raise XlplError(
                    f"no text in {', '.join(map(str, self._paths))}",
                    expected=f"files with one of the endings {', '.join(sorted(SUFFIXES))}",
                )
            self._stack = self._stack.pop_all()  # nothing failed: keep what was unpacked until __exit__
        return found

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _below(self, path: Path) -> list[Path]:
        if path.suffix == ".deb":
            path = extract_deb(path, self._stack.enter_context(TemporaryDirectory(prefix="xlpl-")))
        if path.is_dir():
            return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        return [path]


def read_sentences(file: Path) -> Iterator[str]:
    """Yield the sentences of a file as they are written; a sentence never goes on in the next line or block.

    Raises:
        XlplError: the file is not UTF-8 text, nor HTML that declares its encoding.
    """
    blocks = _html_blocks(file) if file.suffix.lower() in HTML_SUFFIXES else iter_lines(file)
    for block in blocks:
        yield from split_sentences(block)


def split_sentences(text: str) -> list[str]:
    """Split after a full stop and the like, unless a lower-case word follows (as after an abbreviation)."""
    sentences, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        if not end["next"].islower():
            sentences.append(text[start : end.end()])
            start = end.end()
    sentences.append(text[start:])
    return [stripped for sentence in sentences if (stripped := sentence.strip())]


def _html_blocks(file: Path) -> list[str]:
    """Return the text of each paragraph, heading, list item and table cell."""
    raw = file.read_bytes()
    try:
        raw.decode("utf-8")
        parser = html.HTMLParser(encoding="utf-8")
    except UnicodeDecodeError:
        parser = html.HTMLParser()  # then it is as the page declares
    try:
        document = html.document_fromstring(raw, parser=parser)
    except (etree.ParserError, ValueError) as error:
        raise XlplError(f"cannot read the page: {error}", file=file, expected="HTML") from error
    content = next(found[0] for path in _CONTENT if (found := document.xpath(path)))
    return [block for line in _text(content).split("\n") if (block := line.strip())]


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
