"""Scripts: whose a letter is, and where words end in those that write no spaces."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator

from fontTools import unicodedata as unicode_scripts
from icu4py.breakers import CharacterBreaker, WordBreaker

# written without spaces between words, and ICU has a dictionary of their words
UNSPACED = frozenset({"Hani", "Hira", "Kana", "Bopo", "Thai", "Laoo", "Khmr", "Mymr"})
# letters of several scripts, such as the glottal stop of Hawaiian, belong to every one of them
_ANY = frozenset({"Zyyy", "Zinh"})
_UNSPACED = "unspaced"


@functools.lru_cache(maxsize=65536)
def scripts_of(character: str) -> frozenset[str]:
    """Return the ISO 15924 codes of the scripts that a character belongs to; empty: any of them."""
    return frozenset(unicode_scripts.script_extension(character)) - _ANY


def script_of_word(word: str) -> str:
    """Return the script of a word's letters, "" where it has none of its own; all unspaced scripts count as one."""
    for character in word:
        if character.isalpha() and (scripts := scripts_of(character)):
            return _UNSPACED if scripts & UNSPACED else min(scripts)
    return ""


def main_script(words: Iterable[str]) -> str:
    """Return the script that most of the words are in."""
    return max(Counter(map(script_of_word, words)).items(), key=lambda item: item[1], default=("", 0))[0]


def is_unspaced(words: Iterable[str]) -> bool:
    """Say whether most words are in a script that writes no spaces, so that a segmenter made them words."""
    return main_script(words) == _UNSPACED


def segment_words(text: str, locale: str) -> str:
    """Put spaces between the words of unspaced scripts (ICU's dictionaries); other text stays as it is.

    Words that are cut already stay as they are, so that a second call changes nothing.
    """
    return " ".join(word for token in text.split() for word in _words(token, locale))


def segment_characters(text: str, locale: str) -> str:
    """Put spaces between the characters (with their marks) of unspaced scripts."""
    return " ".join(part for token in text.split() for part in _characters(token, locale))


def _words(token: str, locale: str) -> Iterator[str]:
    parts = _cut(token, locale) if _is_unspaced(token) else [token]
    if len(parts) == 1:
        yield token
        return
    for part in parts:
        yield from _words(part, locale)


@functools.lru_cache(maxsize=65536)
def _cut(token: str, locale: str) -> list[str]:
    return [part for part in WordBreaker(token, locale) if part.strip()]


def _characters(token: str, locale: str) -> list[str]:
    return list(CharacterBreaker(token, locale)) if _is_unspaced(token) else [token]


def _is_unspaced(token: str) -> bool:
    return not token.isascii() and any(scripts_of(character) & UNSPACED for character in token)
