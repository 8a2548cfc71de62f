"""Raw transcripts to the words and units of a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.columns import TextColumn
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.text.documents.sentences import ENDS, UNSPACED_ENDS
from xlpl_plugin.text.normalizer import Normalizer
from xlpl_plugin.text.spelling.pieces import read_pieces
from xlpl_plugin.text.spelling.speller import Speller, make_speller

# a stop inside "28.8" or "www.asterisk.org" ends nothing
_SENTENCE_END = re.compile(rf"(?<=[{ENDS}:;])\s+|(?<=[{UNSPACED_ENDS}])")


@dataclass(frozen=True, slots=True)
class Labels:
    """An utterance's .wrd and .ltr lines, and its normalised sentences; nothing for an unlabelled utterance."""

    words: str | None = None
    units: str | None = None
    sentences: tuple[str, ...] = ()
    # why the transcript cannot be used; empty: it can
    problem: str = ""


class LabelColumns:
    """Labels of many items, by the row of the item. Either all have words, or none.

    Attributes:
        words: those of ``Labels``; empty in the rows between, and where no item has words.
    """

    def __init__(self) -> None:
        self.words, self._units, self._sentences = TextColumn(), TextColumn(), TextColumn()
        self.labelled = False

    def put(self, row: int, label: Labels) -> None:
        """Add the labels of an item, whose row is above those before."""
        self.labelled |= label.words is not None
        own = "" if label.sentences == (label.words,) else "\n".join(label.sentences)
        texts = (self.words, label.words or ""), (self._units, _packed(label.units or "")), (self._sentences, own)
        for column, text in texts:
            column.extend([""] * (row - len(column)))
            column.append(text)

    def units(self, row: int) -> str:
        """Return the units of an item, like ``words``."""
        packed = self._units[row]
        return packed[1:] if packed.startswith(" ") else " ".join(packed)

    def sentences(self, row: int) -> tuple[str, ...]:
        """Return the sentences of an item; none without words."""
        own = self._sentences[row]
        return tuple(own.split("\n")) if own else (self.words[row],) if self.labelled else ()

    def letters(self, row: int) -> int | None:
        """Return the letters of the words, which say whether a transcript can belong to a recording."""
        return sum(map(str.isalnum, self.words[row])) if self.labelled else None


def _packed(units: str) -> str:
    """Leave out the spaces between units of one letter each; others begin with a space."""
    packed = units.replace(" ", "")
    return packed if " ".join(packed) == units else f" {units}"


class Transcriber:
    """Normalises and spells transcripts."""

    def __init__(self, language: str, speller: Speller, rules: Path | None = None) -> None:
        self.normalizer = Normalizer(language, rules)
        # sentences are normalised a second time, by themselves: that must not count in the report
        self._sentence_normalizer = Normalizer(language, rules)
        self._speller = speller

    def __call__(self, text: str) -> Labels:
        """Return a transcript's labels, or the problem that forbids its use."""
        spoken = self.normalizer.spoken(text)
        if spoken.problem:
            return Labels(problem=spoken.problem)
        words = spoken.words
        spellings = [self._speller.spell(word) for word in words.split()]
        if not all(spellings):
            return Labels(problem="a word without a spelling")
        units = " ".join(" ".join(spelling[0]) for spelling in spellings)
        sentences = tuple(filter(None, map(self._sentence_normalizer.normalize, _SENTENCE_END.split(text))))
        return Labels(words, units, sentences or (words,))


def dictionary(lines: Iterable[str], pieces: str = "") -> tuple[str, ...]:
    """Return the symbols of dict.ltr.txt: all pieces, or the shared letters and what another script adds to them."""
    if pieces:
        return read_pieces(Path(pieces))
    extra = {symbol for line in lines for symbol in line.split()} - set(LETTERS)
    return (*LETTERS, *sorted(extra))


def make_transcriber(language: str, speller: str, pieces: str = "", rules: str = "") -> Transcriber:
    spelling = make_speller(speller, pieces=Path(pieces) if pieces else None, language=language)
    return Transcriber(language, spelling, Path(rules) if rules else None)
