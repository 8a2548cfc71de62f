"""Swahili numbers, which num2words lacks, as one more of its converters."""

from __future__ import annotations

from num2words import CONVERTER_CLASSES

CODE = "sw"
LARGEST = 10**15 - 1

_ONES = ("sifuri", "moja", "mbili", "tatu", "nne", "tano", "sita", "saba", "nane", "tisa")
_TENS = ("", "kumi", "ishirini", "thelathini", "arobaini", "hamsini", "sitini", "sabini", "themanini", "tisini")
# the name comes before how many of it there are: elfu mbili, two thousand
_POWERS = ((10**12, "trilioni"), (10**9, "bilioni"), (10**6, "milioni"), (10**3, "elfu"), (10**2, "mia"))


class Swahili:
    """The part of a num2words converter that reads whole numbers."""

    def to_cardinal(self, number: int) -> str:
        """Read 0 to 10**15 - 1; ``na``, and, stands before the last part.

        Raises:
            OverflowError: a larger number, or one below 0.
        """
        if not 0 <= number <= LARGEST:
            raise OverflowError(f"{number} is not between 0 and {LARGEST}")
        parts = []
        for power, name in _POWERS:
            count, number = divmod(number, power)
            if count:
                parts.append(f"{name} {self.to_cardinal(count)}")
        tens, ones = divmod(number, 10)
        parts += [_TENS[tens]] if tens else []
        parts += [_ONES[ones]] if ones or not parts else []
        return " na ".join(filter(None, (" ".join(parts[:-1]), parts[-1])))


def register() -> None:
    """Teach num2words this language, unless it has learnt it meanwhile."""
    CONVERTER_CLASSES.setdefault(CODE, Swahili())
