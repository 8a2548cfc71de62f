"""How often units and words occur, in labels and in text, and how such counts compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from xlpl_plugin.files import iter_lines
from xlpl_plugin.text.spelling.lexicon import Lexicon, count_words

Histogram = Mapping[str, int]


def text_histogram(words: Histogram, lexicon: Lexicon) -> Histogram:
    """Count the units of text that has these words of the lexicon, each by its first spelling."""
    units: Counter[str] = Counter()
    for word, count in words.items():
        for unit in lexicon.spellings[word][0]:
            units[unit] += count
    return units


def expected_vocabulary(words: Histogram, drawn: int) -> int:
    """Return how many different words are to be expected among ``drawn`` ones of a text (rarefaction)."""
    counts = np.array(list(words.values()), dtype=np.float64)
    return round(float((1 - (1 - counts / counts.sum()) ** drawn).sum())) if len(counts) else 0


def units_histogram(file: str | Path) -> Histogram:
    """Count the units of lines of units (an .ltr file)."""
    return count_words(iter_lines(file))


def distance(first: Histogram, second: Histogram) -> float:
    """Return the Jensen-Shannon distance, base 2, between two counts: the root of the divergence, 0 to 1.

    It is 1 where either count is empty.
    """
    if not any(first.values()) or not any(second.values()):
        return 1.0
    units = sorted({*first, *second})
    p, q = (np.array([counts.get(unit, 0) for unit in units], dtype=np.float64) for counts in (first, second))
    p, q = p / p.sum(), q / q.sum()
    divergence = (_relative_entropy(p, (p + q) / 2) + _relative_entropy(q, (p + q) / 2)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """Return sum p log2(p / q) over the units with p > 0, where q is above 0 as well."""
    seen = p > 0
    return float((p[seen] * np.log2(p[seen] / q[seen])).sum())
