"""Digits to words: cardinals, decimals, ordinals, times, units and money, as one language's rules say."""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

from xlpl_plugin.text.numbers.words import LONGEST_DECIMALS, LONGEST_NUMBER, ascii_digits, has_digit, spaced
from xlpl_plugin.text.rules import NumberRules, OrdinalRule

# beyond this nobody says an ordinal, and num2words is not safe (Spanish recurses without end at 999999999999999)
LONGEST_ORDINAL = 4

Replacement = Callable[["re.Match[str]"], str]


class NumberSpeaker:
    """Replaces the digits of a text by words.

    ``expand`` does all that depends on signs around the digits and comes before signs are named or dropped;
    ``expand_bare`` reads the digits that are left.
    """

    def __init__(self, rules: NumberRules) -> None:
        self._rules = rules
        group, decimal = re.escape(rules.group), re.escape(rules.decimal)
        alone = r"(?<!\d)(?<!\d[.,])"
        end = r"(?!\d)(?![.,]\d)"
        grouped = rf"{alone}\d{{1,3}}(?:[{group}]\d{{3}})+(?:[{decimal}]\d+)?{end}"
        decimals = rf"{alone}\d+[{decimal}]\d+{end}"
        number = rf"(?:{grouped}|{decimals}|\d+)"
        self._bare = re.compile(rf"(?P<minus>(?<![\w\-])[-\u2212](?=\d))?(?:(?P<dotted>{alone}(?!{decimals}|{grouped})"
                                rf"\d+(?:\.\d+)+)|(?P<number>{number}))")  # fmt: skip
        self._steps = [*self._ordinal_steps(), *self._time_steps(), *self._unit_steps(number)]

    def expand(self, text: str) -> str:
        """Read ordinals, times, and numbers with a unit or a currency."""
        if not has_digit(text):
            return text
        for pattern, replacement in self._steps:
            text = pattern.sub(_guarded(replacement), text)
        return text

    def expand_bare(self, text: str) -> str:
        """Read every digit that is left."""
        if not has_digit(text):
            return text
        return self._bare.sub(_guarded(self._speak_match), text)

    def cardinal(self, digits: str) -> str:
        """Read a run of digits; with a leading zero, or when very long, digit by digit."""
        if len(digits) > 1 and (digits[0] == "0" or len(digits) > LONGEST_NUMBER):
            return " ".join(self._words(int(digit)) for digit in digits)
        return self._words(int(digits))

    def _words(self, number: int | str, **options: str) -> str:
        words: str = num2words(number, lang=self._rules.language, **options)
        return spaced(words)

    def number(self, text: str) -> str:
        """Read a number in the language's own writing: grouped, with decimals, or neither."""
        whole, decimals = self._split(text)
        return self._with_decimals(whole, decimals) if decimals else self.cardinal(whole)

    def _split(self, text: str) -> tuple[str, str]:
        """Return the digits before and after the decimal mark, as ASCII."""
        whole, _, decimals = text.partition(self._rules.decimal)
        return ascii_digits(whole), ascii_digits(decimals)

    def _with_decimals(self, whole: str, decimals: str) -> str:
        style, short = self._rules.decimal_style, len(decimals) <= LONGEST_DECIMALS
        if style == "library" and short and len(whole) <= LONGEST_NUMBER:
            return self._words(f"{int(whole)}.{decimals}")
        if style == "number" and short:
            zeros = decimals[: len(decimals) - len(decimals.lstrip("0"))]
            parts = [*zeros, *([decimals.lstrip("0")] if decimals.strip("0") else [])]
        else:
            parts = list(decimals)
        return " ".join([self.cardinal(whole), self._rules.decimal_word, *map(self.cardinal, parts)])

    def _speak_match(self, match: re.Match[str]) -> str:
        if match["dotted"]:
            spoken = f" {self._rules.dot_word} ".join(map(self._dotted_part, match["dotted"].split(".")))
        else:
            spoken = self.number(match["number"])
        return f" {self._rules.minus if match['minus'] else ''} {spoken} "

    def _dotted_part(self, part: str) -> str:
        """Read a part of ``7.4.1``; a long one is a foreign decimal, read digit by digit."""
        digits = ascii_digits(part)
        return self.cardinal(digits) if len(digits) <= LONGEST_DECIMALS else " ".join(map(self.cardinal, digits))

    def _ordinal_steps(self) -> list[tuple[re.Pattern[str], Replacement]]:
        def step(rule: OrdinalRule) -> Replacement:
            return lambda match: f" {self._ordinal(ascii_digits(match[1]), rule)} "

        return [(re.compile(rule.pattern, re.IGNORECASE), step(rule)) for rule in self._rules.ordinals]

    def _ordinal(self, digits: str, rule: OrdinalRule) -> str:
        if len(digits) > LONGEST_ORDINAL or int(digits) == 0:
            return self.cardinal(digits)
        words = self._words(int(digits), to="ordinal", **rule.options)
        for old, new in rule.endings.items():
            if words.endswith(old):
                return words.removesuffix(old) + new
        return words

    def _time_steps(self) -> list[tuple[re.Pattern[str], Replacement]]:
        return [(re.compile(pattern, re.IGNORECASE), self._time) for pattern in self._rules.times]

    def _time(self, match: re.Match[str]) -> str:
        rules, groups = self._rules, match.groupdict()
        hour, minute = int(groups["h"]), int(groups["m"] or 0)
        spoken_hour = rules.hour_one if hour == 1 and rules.hour_one else rules.hour.format(self._words(hour))
        zero = f"{rules.time_zero} " if minute < 10 and rules.time_zero else ""
        template = rules.time_minutes if minute else rules.time_full
        seconds = self._words(int(groups["s"])) if groups.get("s") else ""
        return f" {template.format(h=spoken_hour, m=zero + self._words(minute))} {seconds} "

    def _unit_steps(self, number: str) -> list[tuple[re.Pattern[str], Replacement]]:
        steps: list[tuple[re.Pattern[str], Replacement]] = []
        if self._rules.currency:
            signs = _alternatives(self._rules.currency)
            steps.append((re.compile(rf"(?P<number>{number})\s?(?P<unit>{signs})(?!\w)"), self._money))
            steps.append((re.compile(rf"(?P<unit>{signs})\s?(?P<number>{number})"), self._money))
        if self._rules.units:
            names = _alternatives(self._rules.units)
            steps.append((re.compile(rf"(?P<number>{number})\s?(?P<unit>{names})(?!\w)"), self._unit))
        return steps

    def _unit(self, match: re.Match[str]) -> str:
        whole, decimals = self._split(match["number"])
        form = _form(self._rules.units[match["unit"]], int(whole), bool(decimals))
        return self._with_unit(self._counted(match["number"]), form)

    def _with_unit(self, number: str, form: str) -> str:
        return f" {form} {number} " if self._rules.unit_first else f" {number} {form} "

    def _money(self, match: re.Match[str]) -> str:
        whole, decimals = self._split(match["number"])
        forms = self._rules.currency[match["unit"]]
        if len(decimals) != 2:
            return self._with_unit(self._counted(match["number"]), _form(forms, int(whole), bool(decimals)))
        cents = f"{self._rules.cents_word} {self._words(int(decimals))}" if int(decimals) else ""
        return f"{self._with_unit(self._counted(whole), _form(forms, int(whole), False))}{cents} "

    def _counted(self, number: str) -> str:
        whole, decimals = self._split(number)
        if whole == "1" and not decimals and self._rules.one_before_unit:
            return self._rules.one_before_unit
        return self.number(number)


def _guarded(replacement: Replacement) -> Replacement:
    """Leave digits as they are where num2words fails: it raises whatever its converter of a language stumbles over."""

    def guarded(match: re.Match[str]) -> str:
        try:
            return replacement(match)
        except Exception:
            return match[0]

    return guarded


def _form(forms: list[str], number: int, fraction: bool) -> str:
    """Pick a unit's form: [always], [one, many], or the Slavic [one, few, many]."""
    if len(forms) < 3:
        return forms[0] if number == 1 and not fraction else forms[-1]
    if fraction or (number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14)):
        return forms[1]
    return forms[0] if number % 10 == 1 and number % 100 != 11 else forms[2]


def _alternatives(table: dict[str, list[str]]) -> str:
    return "|".join(re.escape(key) for key in sorted(table, key=len, reverse=True))
