"""Numbers of a language that has no rules of its own: only what CLDR and the number words know is read."""

from __future__ import annotations

import re
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import get_decimal_symbol, get_group_symbol
from icu4py.messageformat import MessageFormat

from xlpl_plugin.text.language import Language
from xlpl_plugin.text.numbers.measures import CURRENCIES, UNITS, say_measure
from xlpl_plugin.text.numbers.words import LONGEST_DECIMALS, LONGEST_NUMBER, NumberWords, ascii_digits, has_digit
from xlpl_plugin.text.scripts import UNSPACED

_SPACES = "\u00a0\u202f\u2009 "
# what joins digits to a date, a time, a range, a fraction, a version: each language has its own way to say them
_JOINED = r"[.,:/\-\u2010-\u2015\u2212×x*^'’]"


class CldrNumbers:
    """Reads cardinals, decimals, percents, and amounts of CLDR's units and currencies.

    Everything else with a digit (dates, times, ordinals, ranges, versions) stays as it is written, and the normaliser
    reports a sentence with a digit left as one that cannot be read: rather no sentence than a wrong one.
    """

    def __init__(self, language: Language, words: NumberWords) -> None:
        self._language, self._words = language, words
        group, decimal = _marks(language)
        self._decimal = decimal
        number = rf"\d{{1,3}}(?:[{group}]\d{{2,3}})*[{group}]\d{{3}}(?:[{decimal}]\d+)?|\d+[{decimal}]\d+|\d+"
        start = rf"(?<![\d])(?<!\d{_JOINED})(?P<minus>(?<![\w\-])[-\u2212])?"
        end = rf"(?!\d|{_JOINED}\d)" + _no_suffix(language)
        signs = "|".join(map(re.escape, sorted((*UNITS, *CURRENCIES), key=len, reverse=True)))
        before = "|".join(map(re.escape, ("%", *CURRENCIES)))
        self._measure = re.compile(rf"{start}(?P<number>{number})\s?(?P<sign>{signs})(?![^\W_])")
        self._prefixed = re.compile(rf"(?P<minus>)(?P<sign>{before})\s?(?P<number>{number}){end}")
        self._number = re.compile(rf"{start}(?P<number>{number}){end}")

    def expand(self, text: str) -> str:
        """Replace by words what can be read."""
        if not has_digit(text):
            return text
        for pattern in (self._measure, self._prefixed, self._number):
            text = pattern.sub(self._say, text)
        return text

    def expand_bare(self, text: str) -> str:
        """Return ``text``: what ``expand`` left cannot be read."""
        return text

    def _say(self, match: re.Match[str]) -> str:
        whole, _, decimals = _parts(match["number"], self._decimal)
        words = self._cardinal(whole, decimals, negative=bool(match["minus"]))
        sign = match.groupdict().get("sign")
        if words is not None and sign:
            if len(whole) > LONGEST_NUMBER:
                return match[0]
            number = Decimal(f"{whole}.{decimals}" if decimals else whole)
            words = say_measure(self._language, sign, number, words)
        return match[0] if words is None else f" {words} "

    def _cardinal(self, whole: str, decimals: str, *, negative: bool) -> str | None:
        if not decimals and not negative:
            return self._words.cardinal(whole)
        # two and a half is said as 2.5, 2.50 is not
        if len(whole) > LONGEST_NUMBER or len(decimals) > LONGEST_DECIMALS or decimals.endswith("0"):
            return None
        number = Decimal(f"{whole}.{decimals}") if decimals else int(whole)
        return self._words.say(-number if negative else number)


def _marks(language: Language) -> tuple[str, str]:
    """Return the characters, for a regular expression, that group digits and that begin decimals."""
    try:
        locale = Locale.parse(language.code)
    except (UnknownLocaleError, ValueError):
        return ",\u066c", ".\u066b"
    group, decimal = get_group_symbol(locale), get_decimal_symbol(locale)
    return re.escape(_SPACES if group.isspace() else group) + "\u066c", re.escape(decimal) + "\u066b"


def _no_suffix(language: Language) -> str:
    """Return a lookahead that refuses ``3rd``, and ``3.`` where that is how an ordinal is written."""
    letters = "" if language.scripts & UNSPACED else r"(?![^\W\d_])"
    dotted = MessageFormat("{n, ordinal}", language.code).format({"n": 3}) == "3."
    return letters + (r"(?!(?<!\d\d\d)\.(?!\d))" if dotted else "")


def _parts(number: str, decimal: str) -> tuple[str, str, str]:
    """Return the digits before the decimal mark, that mark, and the digits after it, as ASCII."""
    found = re.search(rf"[{decimal}]", number)
    whole, decimals = (number[: found.start()], number[found.end() :]) if found else (number, "")
    return ascii_digits(whole), found[0] if found else "", ascii_digits(decimals)
