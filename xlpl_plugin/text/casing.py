"""Lower case, which depends on the language."""

from __future__ import annotations

import re

# I is the capital of the dotless i
_DOTLESS = frozenset({"tr", "az", "crh", "gag", "tt", "kk", "kaa"})
# Irish writes a prefixed n or t in lower case before the capital of the word
_IRISH_PREFIX = re.compile(r"\b([nt])(?=[AEIOUÁÉÍÓÚ])")


def lower_case(text: str, language: str) -> str:
    """Return NFC text in lower case, as the language (its two- or three-letter code) has it.

    >>> lower_case("IŞIK", "tr"), lower_case("ISIK", "en"), lower_case("ΟΔΟΣ", "el")
    ('ışık', 'isik', 'οδος')
    """
    if language in _DOTLESS:
        text = text.replace("İ", "i").replace("I", "ı")
    elif language == "ga":
        text = _IRISH_PREFIX.sub(r"\1-", text)
    # the dot above that Python leaves on i, and Lithuanian writes under an accent, is no mark of its own
    return text.lower().replace("i\u0307", "i")
