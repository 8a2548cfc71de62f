"""A lexicon in the units of another acoustic model than the one that it was built for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines
from xlpl_plugin.text.spelling.lexicon import Lexicon, read_lexicon, write_lexicon
from xlpl_plugin.text.spelling.speller import SPELLERS, Romanizer, Spelling, make_romanizer
from xlpl_plugin.text.spelling.unit_speller import UnitSpeller, speller_of, text_of
from xlpl_plugin.text.symbols import LETTERS, SPECIAL_SYMBOLS

logger = logging.getLogger(__name__)

LEXICON_FILE = "respelled-lexicon.txt"
UNSPELLED_FILE = "unspelled-words.txt"
# of a lexicon's words, the share that the units must be able to write
LEAST_SPELLED = 0.5
# words and letters that messages name
_SHOWN = 10
# letters and units are asked for again and again, words hardly
_REMEMBERED = 10_000


class LexiconSpeller:
    """Spells a lexicon's words in given units, and other words like them.

    A spelling in these units stays, unless a letter of the word is a unit that the lexicon does not know: a model that
    has ü was taught to write it. Else the word is spelled by ``UnitSpeller``, which romanises it as the lexicon does;
    letters of a lexicon that romanises nothing are romanised by the first of ``SPELLERS``.
    """

    def __init__(self, lexicon: Lexicon, units: Collection[str], language: str | None = None) -> None:
        self._lexicon, self._language = lexicon, language
        self._units = frozenset(units).difference(SPECIAL_SYMBOLS)
        # a to z are known to every romanised lexicon, and in phonemes stand for other sounds than the word's letters
        self._new = self._units.difference(LETTERS, *(spelling for _, spelling in lexicon.entries()))
        self._speller: UnitSpeller | None = None

    def spell(self, word: str) -> tuple[Spelling, ...]:
        """Return the word's spellings, the likeliest first; none where a sound of it has no unit."""
        own = tuple(s for s in self._lexicon.spellings.get(word, ()) if self._units.issuperset(s))
        return own if own and self._new.isdisjoint(word) else tuple(self._by_sound().spell(word)) or own

    def keeps(self, word: str) -> bool:
        """Return whether all spellings of a word of the lexicon stay."""
        return self._new.isdisjoint(word) and all(map(self._units.issuperset, self._lexicon.spellings[word]))

    def _by_sound(self) -> UnitSpeller:
        """Look at the lexicon's romaniser where it is needed, which where all spellings fit it is not."""
        if self._speller is None:
            # sorted: of two units that sound alike the same one in every process
            self._speller = UnitSpeller(sorted(self._units), _romanizer(self._lexicon, self._language))
        return self._speller


def _romanizer(lexicon: Lexicon, language: str | None) -> Romanizer:
    name = speller_of(lexicon, language)
    if name == "identity":
        return lru_cache(_REMEMBERED)(make_romanizer(SPELLERS[0]))
    romanize = lru_cache(_REMEMBERED)(make_romanizer(name, language))

    def as_in_lexicon(text: str) -> list[str]:
        # of a letter the sound is asked for, not the word that it may be as well
        spellings = lexicon.spellings.get(text, ()) if len(text) > 1 else ()
        return [text_of(spelling) for spelling in spellings] or romanize(text)

    return as_in_lexicon


@dataclass(frozen=True)
class FittedLexicon:
    """A lexicon in an acoustic model's units.

    Attributes:
        lexicon: ``unspelled`` names the words that the units cannot write.
        respelled: how many words have another spelling than in the lexicon that was given.
        units_ratio: as ``units_ratio`` gives it.
    """

    lexicon: Lexicon
    respelled: int = 0
    units_ratio: float = 1.0

    @property
    def is_given(self) -> bool:
        """Whether it is the lexicon that was given, without a change."""
        return not self.respelled and not self.lexicon.unspelled

    def write(self, folder: Path) -> Path:
        """Write what is another than the lexicon given to ``respelled-lexicon.txt``, and what is left out beside it."""
        file, unspelled = folder / LEXICON_FILE, self.lexicon.unspelled
        write_lexicon(file, self.lexicon)
        if unspelled:
            write_lines(folder / UNSPELLED_FILE, unspelled)
        return file


def fit_lexicon(lexicon: Lexicon, units: Collection[str], file: str | Path | None = None) -> FittedLexicon:
    """Put a lexicon, read from ``file``, into ``units``; words stay in their order.

    Raises:
        XlplError: fewer than half of the words can be spelled.
    """
    speller = LexiconSpeller(lexicon, units)
    if all(map(speller.keeps, lexicon.spellings)):
        return FittedLexicon(lexicon)
    found = {word: speller.spell(word) for word in lexicon.spellings}
    spelled = {word: spellings for word, spellings in found.items() if spellings}
    unspelled = tuple(word for word, spellings in found.items() if not spellings)
    if len(spelled) < LEAST_SPELLED * len(found):
        raise XlplError(
            f"{len(spelled)} of its {len(found)} words can be spelled in the acoustic model's units",
            file=file,
            expected=f"units for half of the words at least; there is none for {_missing(unspelled, speller)}",
            remedy="take an acoustic model with letters for the sounds of this language, or build the lexicon with "
            "another speller (`xlpl lexicon`)",
        )
    fitted = Lexicon(spelled, unspelled)
    respelled = sum(spellings != lexicon.spellings[word] for word, spellings in spelled.items())
    return FittedLexicon(fitted, respelled, units_ratio(lexicon, fitted))


def units_ratio(given: Lexicon, fitted: Lexicon) -> float:
    """Return how many units the spellings of the fitted lexicon have for one of the same words' spellings before."""
    pairs = [(given.spellings[word][0], spellings[0]) for word, spellings in fitted.spellings.items()]
    return sum(len(after) for _, after in pairs) / sum(len(before) for before, _ in pairs)


def read_fitted(file: str | Path, units: Collection[str]) -> FittedLexicon:
    """Read a lexicon file and put it into ``units``; say in the log what became other.

    Raises:
        XlplError: as ``read_lexicon`` and ``fit_lexicon``.
    """
    fitted = fit_lexicon(read_lexicon(file), units, file)
    unspelled = fitted.lexicon.unspelled
    if fitted.respelled:
        logger.warning("%s: %d words respelled in the acoustic model's units, by sound", file, fitted.respelled)
    if unspelled:
        logger.warning(
            "%s: %d words left out, which the units cannot write: %s", file, len(unspelled), _some(unspelled)
        )
    return fitted


def _missing(words: Iterable[str], speller: LexiconSpeller) -> str:
    """Return the letters of unspelled words that have no spelling, the most frequent first."""
    letters = Counter(letter for word in words for letter in word)
    lacking = [letter for letter, _ in letters.most_common() if not speller.spell(letter)]
    return _some([repr(letter) for letter in lacking])


def _some(words: Collection[str]) -> str:
    return " ".join(list(words)[:_SHOWN]) + (" ..." if len(words) > _SHOWN else "")
