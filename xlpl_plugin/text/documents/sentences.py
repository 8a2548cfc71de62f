"""Sentences of a block of written text, or of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# signs that end a sentence before a space, and those after which none is written
ENDS, UNSPACED_ENDS = ".!?…।॥؟۔።፧։", "。！？｡។៕။།"
# 3. may be an ordinal (am 3. Mai)
_SENTENCE_END = re.compile(
    rf"(?:(?<=[{ENDS}])(?<!(?<!\d)\d\.)(?<!(?<!\d)\d\d\.)[\"'”’»)\]]*\s+|(?<=[{UNSPACED_ENDS}])[”’」』）]*\s*)"
    rf"(?=[\"'“‘«¿¡(\[「『（]*(?P<next>[^\s{UNSPACED_ENDS}”’」』）]))"
)


def split_sentences(text: str) -> list[str]:
    """Split after a full stop and the like, unless a lower-case word follows (as after an abbreviation), or a number of
    one or two digits comes before (an ordinal in many languages).
    """
    sentences, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        if not end["next"].islower():
            sentences.append(text[start : end.end()])
            start = end.end()
    sentences.append(text[start:])
    return [stripped for sentence in sentences if (stripped := sentence.strip())]


def read_sentences(file: str | Path, field: str = "text") -> Iterator[str]:
    """Yield the sentences of a file as they are written; a sentence never goes on in the next line or block.

    Args:
        file: of any form and compression, or an archive of such files.
        field: where JSON Lines and tables have the text.

    Raises:
        XlplError: the file cannot be read as text.
    """
    from xlpl_plugin.text.documents.document_reader import DocumentReader
    from xlpl_plugin.text.documents.forms import blocks_of
    from xlpl_plugin.text.documents.source import Unreadable

    with DocumentReader([file], field) as reader:
        for piece in reader.pieces():
            if isinstance(piece, Unreadable):
                raise piece.error
            for block in blocks_of(piece):
                yield from split_sentences(block)
