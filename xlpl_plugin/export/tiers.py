"""What forms of several tiers show: pieces, words, and how sure each word is."""

from __future__ import annotations

from typing import NamedTuple

from xlpl_plugin.transcribing.transcript import Transcript


class Stretch(NamedTuple):
    """A stretch of a tier, in whole milliseconds, and what stands in it."""

    start: int
    end: int
    text: str


def tiers(transcript: Transcript) -> dict[str, list[Stretch]]:
    """Return name -> intervals, in order, none empty, without overlap and within the recording."""
    pieces = [(piece.start, piece.end, piece.text) for piece in transcript.utterances if piece.text]
    words = [(word.start, word.end, word.text) for word in transcript.words]
    sure = [(word.start, word.end, f"{word.confidence:.3f}") for word in transcript.words]
    last = milliseconds(transcript.seconds)
    return {name: _apart(rows, last) for name, rows in (("utterances", pieces), ("words", words), ("confidence", sure))}


def milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def _apart(rows: list[tuple[float, float, str]], last: int) -> list[Stretch]:
    """Round times; where rounding makes two intervals overlap, or one empty, the later one gives way."""
    found: list[Stretch] = []
    for start, end, text in rows:
        first = max(milliseconds(start), found[-1].end if found else 0)
        found.append(Stretch(first, max(first + 1, min(milliseconds(end), last)), text))
    return found
