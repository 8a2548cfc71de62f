"""The frequent words of a language (wordfreq's lists), for lexicons that a small text would leave with holes."""

from __future__ import annotations

import wordfreq

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.language import find_language

# wordfreq's name of a language where it is not the usual one
_OTHER_CODES = {"no": "nb", "hr": "sh", "bs": "sh", "sr": "sh"}


def frequent_words(language: str, count: int) -> list[str]:
    """Return up to ``count`` words, the most frequent first; only those of letters alone.

    Raises:
        XlplError: wordfreq has no list of that language.
    """
    return [word for word in wordfreq.top_n_list(_listed(language), count) if word.isalpha()]


def word_weight(word: str, language: str) -> float:
    """Return the share of a word of ``frequent_words`` among all words of the language, to three digits.

    By the table itself: wordfreq's own function would cut the word first, which asks for a segmenter for Chinese.
    """
    return float(f"{wordfreq.get_frequency_dict(_listed(language)).get(word, 0.0):.3g}")


def has_words(language: str) -> bool:
    """Say whether there is a list of the language's words."""
    return _code(language) in wordfreq.available_languages()


def _code(language: str) -> str:
    base = find_language(language).base
    return _OTHER_CODES.get(base, base)


def _listed(language: str) -> str:
    """Return wordfreq's code of a language; asked for one that it lacks, wordfreq itself would answer in English."""
    if not has_words(language):
        raise XlplError(
            f"wordfreq has no words of language {language!r}",
            expected=f"one of {' '.join(sorted(wordfreq.available_languages()))}",
            remedy="give text of your own instead",
        )
    return _code(language)
