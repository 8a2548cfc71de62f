"""The frequent words of a language (wordfreq's lists), for lexicons that a small text would leave with holes."""

from __future__ import annotations

import wordfreq

from xlpl_plugin.errors import XlplError


def frequent_words(language: str, count: int) -> list[str]:
    """Return up to ``count`` words, the most frequent first; only those of letters alone.

    Raises:
        XlplError: wordfreq has no list of that language.
    """
    try:
        return [word for word in wordfreq.top_n_list(language, count) if word.isalpha()]
    except LookupError as error:
        raise XlplError(
            f"wordfreq has no words of language {language!r}",
            expected=f"one of {' '.join(sorted(wordfreq.available_languages()))}",
            remedy="give text of your own instead",
        ) from error


def word_weight(word: str, language: str) -> float:
    """Return the share of ``word`` among all words of the language."""
    return float(wordfreq.word_frequency(word, language))
