"""Words in the units that an acoustic model happens to have: another script, letters with marks, or pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from xlpl_plugin.text.spelling.lexicon import Lexicon
from xlpl_plugin.text.spelling.speller import SPELLERS, Romanizer, Spelling, make_romanizer
from xlpl_plugin.text.symbols import PIECE_MARK, SPECIAL_SYMBOLS, WORD_BOUNDARY

# words that tell which romaniser a lexicon was made by
_ASKED = 200
_NO_UNITS: Spelling = ()


class UnitSpeller:
    """Spells in given units, the fewest that make a word.

    A letter that the units lack is romanised, and the romanised text is written in units that romanise to it: a model
    of Russian letters writes Ukrainian і as и.
    """

    def __init__(self, units: Iterable[str], romanize: Romanizer) -> None:
        self._romanize = romanize
        own = [unit for unit in units if unit not in (*SPECIAL_SYMBOLS, WORD_BOUNDARY)]
        self._by_text = {unit: unit for unit in own}
        self._by_sound = {sound: unit for unit in reversed(own) for sound in self._sounds(unit)} | self._by_text
        pieces = any(unit.startswith(PIECE_MARK) for unit in own)
        self._begin, self._end = (PIECE_MARK, _NO_UNITS) if pieces else ("", (WORD_BOUNDARY,))

    def spell(self, word: str) -> list[Spelling]:
        """Return the word's spelling; none where a sound of it has no unit."""
        found = fewest(self._begin + word, self._by_text) if word else None
        if found is None:
            texts = [self._begin + text for text in self._romanized(word) if text]
            found = next(filter(None, (fewest(text, self._by_sound) for text in texts)), None)
        return [] if found is None else [(*found, *self._end)]

    def _romanized(self, word: str) -> list[str]:
        """Romanise what the units lack, letter by letter; all of the word at once where they have no letter of it."""
        if not any(letter in self._by_text for letter in word):
            return self._romanize(word)
        parts = ([letter] if letter in self._by_text else self._romanize(letter) for letter in word)
        return ["".join(part[0] for part in parts if part)]

    def _sounds(self, unit: str) -> list[str]:
        mark = PIECE_MARK if unit.startswith(PIECE_MARK) else ""
        return [mark + sound for sound in self._romanize(unit.removeprefix(PIECE_MARK))]


def fewest(text: str, table: Mapping[str, str]) -> Spelling | None:
    """Return the fewest values of ``table`` whose keys make up ``text``, of as many the ones with longer keys first."""
    longest = max(map(len, table), default=0)
    best: list[Spelling | None] = [()]
    # from the end, so that of two ways the one with the longer first key is seen last and stays
    for start in range(len(text) - 1, -1, -1):
        found: Spelling | None = None
        for end in range(start + 1, min(len(text), start + longest) + 1):
            rest = best[len(text) - end]
            if text[start:end] in table and rest is not None and (found is None or len(rest) + 1 <= len(found)):
                found = (table[text[start:end]], *rest)
        best.append(found)
    return best[-1]


def speller_of(lexicon: Lexicon, language: str | None = None) -> str:
    """Return the one of ``SPELLERS`` that gives most of a lexicon's spellings."""
    entries = [(word, text_of(spellings[0])) for word, spellings in islice(lexicon.spellings.items(), _ASKED)]

    def alike(name: str) -> int:
        romanize = make_romanizer(name, language)
        return sum(text in romanize(word) for word, text in entries)

    best, most = SPELLERS[0], -1
    known = [name for name in SPELLERS if language or name != "phonemes"]
    # uroman is asked last: its tables take seconds to load
    for name in sorted(known, key="uroman".__eq__):
        if (count := alike(name)) > most:
            best, most = name, count
        if most == len(entries):
            break
    return best


def text_of(spelling: Spelling) -> str:
    """Return what a word's spelling says, without marks of where words begin and end."""
    return "".join(spelling).replace(PIECE_MARK, "").rstrip(WORD_BOUNDARY)
