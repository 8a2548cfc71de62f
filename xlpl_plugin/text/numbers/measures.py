"""Numbers with a unit, a currency or a percent sign, in CLDR's words (through ICU)."""

from __future__ import annotations

import functools
from decimal import Decimal

from icu4py.messageformat import MessageFormat

from xlpl_plugin.text.language import Language

# signs that mean one unit wherever they stand behind a number, by ICU's names
UNITS = {
    "%": "percent", "‰": "permille", "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "l": "liter", "ml": "milliliter", "ha": "hectare",
    "km²": "square-kilometer", "m²": "square-meter", "m³": "cubic-meter", "km/h": "kilometer-per-hour", "°C": "celsius",
    "°F": "fahrenheit", "°": "degree", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "kW": "kilowatt",
    "MB": "megabyte", "GB": "gigabyte",
}  # fmt: skip
# $ and ¥ belong to many countries, so they have no name here: rules of a language can give them one
CURRENCIES = {
    "€": "EUR", "£": "GBP", "₦": "NGN", "₹": "INR", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH",
    "₺": "TRY", "₱": "PHP", "฿": "THB", "₸": "KZT", "₵": "GHS", "₡": "CRC", "₲": "PYG", "₾": "GEL", "₼": "AZN",
    "₭": "LAK", "៛": "KHR", "৳": "BDT", "֏": "AMD", "؋": "AFN", "₮": "MNT",
}  # fmt: skip


def say_measure(language: Language, sign: str, number: Decimal, words: str) -> str | None:
    """Return a number's words with the name of its unit or currency, in the language's order and plural.

    None where CLDR has no name for it, or the sum has cents, which languages join in their own ways.
    """
    currency = CURRENCIES.get(sign)
    if currency is not None and number % 1:
        return None
    skeleton = f"currency/{currency} precision-integer" if currency else _skeleton(UNITS[sign])
    named, bare = _named(language.code, skeleton, number)
    nobody = _named("zxx", skeleton, number)[0]
    name = named.replace(bare, "")
    unnamed = sign in name or (currency or "%") in name or (language.base != "en" and named == nobody)
    if bare not in named or unnamed or not language.in_cldr:
        return None
    return named.replace(bare, f" {words} ")


def _skeleton(unit: str) -> str:
    return unit if unit in ("percent", "permille") else f"unit/{unit}"


def _named(locale: str, skeleton: str, number: Decimal) -> tuple[str, str]:
    """Return the number with the unit's full name, and the number alone as it stands in that."""
    full = _format(locale, f"{{n, number, ::{skeleton} unit-width-full-name}}")
    precision = "precision-integer" if "precision" in skeleton else ".###"
    return full.format({"n": number}), _format(locale, f"{{n, number, ::{precision}}}").format({"n": number})


@functools.lru_cache(maxsize=512)
def _format(locale: str, pattern: str) -> MessageFormat:
    return MessageFormat(pattern, locale)
