"""Lexicons as large as one wants, for measuring memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from xlpl_plugin.text.spelling.lexicon import Lexicon, read_lexicon, write_lexicon
from xlpl_plugin.text.spelling.respelling import fit_lexicon
from xlpl_plugin.text.spelling.speller import Speller, make_speller
from xlpl_plugin.text.wordlist import frequent_words

# endings that make further forms of a language's words: no real ones, but of the length and letters of real ones
_ENDINGS = ("mente", "zione", "evano", "ando", "issimo", "abile", "ista", "oni", "erebbe", "ata", "uto", "ione")


def pad(source: str, language: str, size: int, out: Path, units: Sequence[str]) -> None:
    """Write a lexicon of ``size`` words: those of ``source``, frequent words of the language, made-up forms of them."""
    given = fit_lexicon(read_lexicon(source), units).lexicon
    spellings = dict(islice(given.spellings.items(), size))
    speller = make_speller("unidecode")
    candidates = frequent_words(language, 10 * size)
    for words in (candidates, _forms([*spellings, *candidates])):
        _add(spellings, words, speller, set(units), size)
    write_lexicon(out, Lexicon(spellings))


def _add(
    spellings: dict[str, tuple[tuple[str, ...], ...]],
    words: Iterable[str],
    speller: Speller,
    units: set[str],
    size: int,
) -> None:
    for word in words:
        if len(spellings) >= size:
            return
        found = tuple(spelling for spelling in speller.spell(word) if units.issuperset(spelling))
        if word not in spellings and found:
            spellings[word] = found


def _forms(words: Sequence[str]) -> Iterator[str]:
    for ending in _ENDINGS:
        for word in words:
            yield word + ending
