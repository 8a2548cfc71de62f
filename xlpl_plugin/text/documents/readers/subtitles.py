"""Subtitles (SubRip, WebVTT, SubStation Alpha): what is shown at once is a block, unless two people speak."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.text.documents.readers.plain import lines
from xlpl_plugin.text.documents.source import DocumentPiece

# of a new speaker, where two speak at once
_DASHES = "-‐‑‒–—―"
_GOES_ON = re.compile(rf"\n(?!\s*[{_DASHES}])")


def subtitle_blocks(piece: DocumentPiece) -> Iterator[str]:
    """Yield the text of each event without its marks.

    Raises:
        XlplError: not UTF-8, no subtitles, or pysubs2 is missing.
    """
    pysubs2 = optional_module("pysubs2", "documents", piece.source.form, piece.source.name)
    text = "\n".join(lines(piece))
    try:
        found = pysubs2.SSAFile.from_string(text, format_={"vtt": "vtt", "srt": "srt"}.get(piece.source.form))
    except Exception as error:  # a damaged file can fail in pysubs2 in any way
        raise XlplError(f"no subtitles: {error}", file=piece.source.name, expected=piece.source.form) from error
    if text.strip() and not found.events:
        raise XlplError("no subtitles in it", file=piece.source.name, expected=piece.source.form)
    for event in found.events:
        if not event.is_comment:
            yield from (line.lstrip(f"{_DASHES} ") for line in _GOES_ON.sub(" ", event.plaintext).splitlines())
