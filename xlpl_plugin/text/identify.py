"""Which language a sentence is in, among those in one script: py3langid, whose model is in its wheel."""

from __future__ import annotations

from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.language import find_language

# shorter sentences can be of many languages
_LEAST_WORDS = 5
# a sentence is of another language where the model is so sure of that one, and gives so little to the own one: 0.2 % of
# Italian help texts, all of it English
_SURE, _IMPOSSIBLE = 0.9, 0.01
_OTHER_CODES = {"fil": "tl", "nb": "no", "gn": "gug", "ff": "fuv", "ki": "kik"}


@lru_cache(maxsize=1)
def _model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def can_identify(language: str) -> bool:
    """Say whether the model knows the language."""
    return _code(language) in _model().nb_classes


def _code(language: str) -> str:
    base = find_language(language).base
    return _OTHER_CODES.get(base, base)


class Identifier:
    """Finds sentences that are surely not in a language."""

    def __init__(self, language: str) -> None:
        """Raise ``XlplError`` for a language that the model does not know."""
        self._code = _code(language)
        if not can_identify(language):
            raise XlplError(
                f"the language identifier does not know {language!r}",
                expected=f"one of {' '.join(sorted(set(_model().nb_classes)))}",
                remedy="leave --identify out",
            )

    def other_language(self, words: str) -> str:
        """Return the code of the language that normalised words are surely in, or "" where it may be the own one."""
        if words.count(" ") + 1 < _LEAST_WORDS or _model().classify(words)[0] == self._code:
            return ""
        shares = dict(_model().rank(words))
        best = max(shares, key=lambda code: shares[code])
        surely = shares[best] > _SURE and shares.get(self._code, 0.0) < _IMPOSSIBLE
        return str(best) if surely and best != self._code else ""
