"""How sure a decoder is of its hypothesis: a number for each word, and one for the utterance, 0 to 1.

A word's confidence is the probability that acoustic model and LM give it together, a unit of its spelling: long words
have many chances to be wrong, yet are right more often than short ones. Of the measures that cost no second search
this ranks right before wrong words best, with weak and with strong models (docs/results/confidence.md); frame
probabilities alone are far behind, since they do not know which words are likely.

These numbers rank; they are not the share of words that is right. ``xlpl score --reliability`` shows how far off
they are, and nothing that it learns there comes back here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xlpl_plugin.data.units import BLANK_INDEX
from xlpl_plugin.decoding.hypothesis import LogProbs

# every word is judged as if it had so many more units, as probable as the utterance's mean: errors come together
_SHARED_UNITS = 4


def word_confidences(
    log_probs: LogProbs, path: Sequence[int], spans: Sequence[tuple[int, int]], lm_scores: Sequence[float] = ()
) -> tuple[float, ...]:
    """Return one confidence for each word: the geometric mean, over units, of its joint probability.

    A word answers for all frames from its first one up to the next word's first one, so that what the decoder took
    for silence counts too.

    Args:
        log_probs: (T, C) natural log-probs as they were searched, the blank's penalty applied.
        path: for each of the T frames the unit that the hypothesis takes there (the blank is one).
        spans: for each word its first frame and the frame after its last, in their order.
        lm_scores: for each word its log10 probability after the words before it; empty: there is no LM.
    """
    if not spans:
        return ()
    starts = [first for first, _ in spans]
    units = np.asarray(path, dtype=np.intp)
    begins = (units != BLANK_INDEX) & (np.diff(units, prepend=BLANK_INDEX) != 0)
    taken = log_probs[np.arange(len(units)), units].astype(np.float64)
    counts, evidence = np.add.reduceat(begins.astype(np.int64), starts), np.add.reduceat(taken, starts)
    if lm_scores:
        evidence += math.log(10) * np.asarray(lm_scores)
    mean = evidence.sum() / counts.sum()
    return tuple(np.exp((evidence + _SHARED_UNITS * mean) / (counts + _SHARED_UNITS)).clip(max=1.0).tolist())


def utterance_confidence(confidences: Sequence[float]) -> float:
    """Return the mean of an utterance's word confidences; 0 where it has no word."""
    return float(np.mean(confidences)) if confidences else 0.0
