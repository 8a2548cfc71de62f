"""The words of a number: from a table in the rules, num2words or ICU, whichever knows the language."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from icu4py.messageformat import MessageFormat
from num2words import CONVERTER_CLASSES, num2words

from xlpl_plugin.text.language import Language
from xlpl_plugin.text.numbers import swahili
from xlpl_plugin.text.scripts import scripts_of

swahili.register()

# longer runs of digits are identifiers, which people read digit by digit
LONGEST_NUMBER = 15
# so many decimals are read as a number
LONGEST_DECIMALS = 3
# num2words raises, glues words together or reads decimals wrongly: ICU's words are right
_ICU_FIRST = frozenset({"ar", "az", "fa", "th", "tr", "vi"})
# ICU's words are of another language, or written with marks that nobody writes
_ICU_WRONG = frozenset({"am", "bs", "fil", "ht", "lo", "sl"})
# a code that no library has words for, whose answer is that of the library's own default
_NOBODY = "zxx"
# num2words' own name
_NUM2WORDS = {"kk": "kz"}

Reader = Callable[[int | Decimal], str]


class NumberWords:
    """Says numbers in a language, or nothing where no source knows how."""

    def __init__(self, language: Language, table: Mapping[str, str] | None = None) -> None:
        """``table``: words of single numbers, which come before all else: {"1": "ọ̀kan"}."""
        self._language = language
        self._table = dict(table or {})
        num2words_name, icu = _num2words_name(language), _icu_knows(language)
        readers: list[Reader] = [functools.partial(_by_num2words, name=num2words_name)] if num2words_name else []
        readers.insert(0 if language.base in _ICU_FIRST else len(readers), functools.partial(
            _by_icu, locale=language.code)) if icu else None  # fmt: skip
        self._readers = readers
        self.say = functools.lru_cache(maxsize=4096)(self._say)

    def cardinal(self, digits: str) -> str | None:
        """Read a run of ASCII digits; with a leading zero, or when very long, digit by digit."""
        alone = len(digits) > 1 and (digits[0] == "0" or len(digits) > LONGEST_NUMBER)
        parts = [self.say(int(part)) for part in (digits if alone else [digits])]
        return None if None in parts else " ".join(filter(None, parts))

    def _say(self, number: int | Decimal) -> str | None:
        """Return the words of a number (also of one below 0), or None."""
        if (known := self._table.get(str(number))) is not None:
            return known
        for read in self._readers:
            try:
                words = spaced(read(number))
            # num2words raises whatever its converter of a language stumbles over
            except Exception:
                continue
            if words.strip() and self._is_written(words):
                return words
        return None

    def _is_written(self, words: str) -> bool:
        """Say whether words are in the language's own scripts, and no digits."""
        own = self._language.scripts
        letters = [scripts_of(character) for character in words if character.isalpha()]
        digits = any(character.isnumeric() and not character.isalpha() for character in words)
        return not digits and all(not own or not scripts or own & scripts for scripts in letters)


def _num2words_name(language: Language) -> str:
    candidates = (language.code, language.base, _NUM2WORDS.get(language.base, ""))
    return next((name for name in candidates if name in CONVERTER_CLASSES), "")


def _by_num2words(number: int | Decimal, *, name: str) -> str:
    words: Any = num2words(number, lang=name)
    return str(words)


def _by_icu(number: int | Decimal, *, locale: str) -> str:
    return _spellout(locale).format({"n": number})


@functools.lru_cache(maxsize=64)
def _spellout(locale: str) -> MessageFormat:
    return MessageFormat("{n, spellout}", locale)


def _icu_knows(language: Language) -> bool:
    if language.base in _ICU_WRONG:
        return False
    return language.base == "en" or _by_icu(27, locale=language.code) != _by_icu(27, locale=_NOBODY)


def ascii_digits(text: str) -> str:
    """Return the digits of a text, of any script, as 0 to 9."""
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def has_digit(text: str) -> bool:
    return any(character.isdecimal() for character in text)


def spaced(words: str) -> str:
    """Turn a library's ``one thousand, two hundred and thirty-four`` into what a speaker says: words."""
    for sign, instead in (("\u00ad", ""), ("\u200b", " "), ("-", " "), (",", " "), ("・", "点")):
        words = words.replace(sign, instead)
    return words.lower()
