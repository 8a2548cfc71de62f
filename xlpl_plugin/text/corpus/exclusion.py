"""Transcripts that language model text must not share (the *unmatched* protocol)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_lines

# shorter pieces are shared by any two texts of a language and say nothing about a leak
_TELLING_WORDS = 5


class Exclusion:
    """Knows the transcripts that the text must not share.

    A sentence is shared if it is a transcript, or if one of the two holds the other and that one has five words or
    more. Transcripts are found by five words of theirs, so that a sentence is compared with few of them.
    """

    def __init__(self, transcripts: Iterable[str]) -> None:
        self._whole = set(transcripts)
        self._with: defaultdict[str, list[str]] = defaultdict(list)
        self._beginning: defaultdict[str, list[str]] = defaultdict(list)
        for text in sorted(self._whole):
            for number, words in enumerate(_telling(text)):
                self._with[words].append(f" {text} ")
                if number == 0:
                    self._beginning[words].append(f" {text} ")

    def __contains__(self, sentence: object) -> bool:
        if not isinstance(sentence, str) or not self._whole:
            return False
        if sentence in self._whole:
            return True
        padded = f" {sentence} "
        begins = next(_telling(sentence), None)
        if begins is not None and any(padded in text for text in self._with.get(begins, ())):
            return True
        return any(text in padded for words in _telling(sentence) for text in self._beginning.get(words, ()))


def _telling(text: str) -> Iterator[str]:
    """Yield each five words of a text that stand in a row."""
    words = text.split(" ")
    for start in range(len(words) - _TELLING_WORDS + 1):
        yield " ".join(words[start : start + _TELLING_WORDS])


def read_transcripts(folders: Sequence[Path]) -> list[str]:
    """Return every line of the .wrd files of prepared folders.

    Raises:
        XlplError: a folder has no .wrd file.
    """
    lines: list[str] = []
    for folder in folders:
        files = sorted(folder.glob("*.wrd"))
        if not files:
            raise XlplError("no .wrd files", file=folder, expected="a prepared folder with transcripts")
        for file in files:
            lines += read_lines(file)
    return lines
