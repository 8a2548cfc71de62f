"""Native-script words to the units of an acoustic model."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from unidecode import unidecode

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.text.symbols import WORD_BOUNDARY

Spelling = tuple[str, ...]
# a word to its ways of being written in the output alphabet
Romanizer = Callable[[str], list[str]]

# how words become units; the first is the paper's
SPELLERS = ("unidecode", "uroman", "phonemes", "identity")
_NOT_LATIN = re.compile(r"[^a-z']")
# uroman has rules of their own for these languages; all others need no code
_UROMAN_CODES = {
    "ar": "ara", "be": "bel", "bg": "bul", "de": "deu", "el": "ell", "en": "eng", "fa": "fas", "kk": "kaz", "ky": "kir",
    "lt": "lit", "lv": "lav", "mk": "mkd", "os": "oss", "ps": "pus", "ru": "rus", "sr": "srp", "tr": "tur", "ug": "uig",
    "uk": "ukr", "yi": "yid",
}  # fmt: skip


class Speller(Protocol):
    """Turns a word into the unit sequences that an acoustic model may emit for it."""

    def spell(self, word: str) -> list[Spelling]:
        """Return the word's spellings, the likeliest first; none if no character of it can be written."""
        ...


class LetterSpeller:
    """Spells in letters, each word closed by the word boundary."""

    def __init__(self, romanize: Romanizer) -> None:
        self._romanize = romanize

    def spell(self, word: str) -> list[Spelling]:
        return [(*text, WORD_BOUNDARY) for text in self._romanize(word)]


class PieceSpeller:
    """Spells in sentencepiece pieces; the piece that begins a word carries sentencepiece's mark."""

    def __init__(self, romanize: Romanizer, model: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        self._romanize = romanize
        try:
            self._pieces: Any = SentencePieceProcessor(model_file=str(must_exist(model, "a sentencepiece model")))
        except (RuntimeError, OSError) as error:
            raise XlplError(
                "not a sentencepiece model", file=model, expected="pieces.model", remedy="make it by xlpl prepare units"
            ) from error

    def spell(self, word: str) -> list[Spelling]:
        encoded = [self._pieces.encode(text) for text in self._romanize(word)]
        # a word with a character that the pieces lack has no spelling
        return [tuple(self._pieces.id_to_piece(ids)) for ids in encoded if ids and self._pieces.unk_id() not in ids]


def make_speller(name: str, pieces: str | Path | None = None, language: str | None = None) -> Speller:
    """Return one of ``SPELLERS``, in letters or in ``pieces``.

    Raises:
        XlplError: as ``make_romanizer``, or a file that is no sentencepiece model.
    """
    romanize = make_romanizer(name, language)
    return LetterSpeller(romanize) if pieces is None else PieceSpeller(romanize, Path(pieces))


def make_romanizer(name: str, language: str | None = None) -> Romanizer:
    """Return the function behind a speller: word -> spellings as strings, the empty ones left out.

    Raises:
        XlplError: an unknown name, or phonemes of a language that espeak-ng does not know.
    """
    if name == "identity":
        return lambda word: [word] if word else []
    if name == "unidecode":
        return lambda word: _latin(unidecode(word))
    if name == "uroman":
        code = _UROMAN_CODES.get(language or "", language if len(language or "") == 3 else None)
        return lambda word: _latin(_uroman().romanize_string(word, lcode=code))
    if name == "phonemes":
        from xlpl_plugin.text.spelling.phonemes import make_phonemizer

        return make_phonemizer(language)
    raise XlplError(f"unknown speller {name!r}", expected=f"one of {', '.join(SPELLERS)}")


def _latin(text: str) -> list[str]:
    """Keep a-z and the apostrophe; characters that could not be converted are discarded (the paper's way)."""
    kept = _NOT_LATIN.sub("", text.lower())
    return [kept] if kept.strip("'") else []


@lru_cache(maxsize=1)
def _uroman() -> Any:
    """Load uroman's tables once (about 5 seconds)."""
    from uroman import Uroman

    return Uroman()


def units_line(words: str, speller: Speller) -> str:
    """Return the .ltr line of a sentence: each word's first spelling; words without a spelling leave nothing."""
    spellings = (speller.spell(word) for word in words.split())
    return " ".join(" ".join(spelling[0]) for spelling in spellings if spelling)
