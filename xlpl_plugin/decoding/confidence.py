"""How sure an acoustic model is of what was decoded: a number for each word, and one for the utterance, 0 to 1.

These rank words and utterances; they are not the share that is right. ``xlpl score --reliability`` shows that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xlpl_plugin.decoding.hypothesis import LogProbs


def word_confidences(log_probs: LogProbs, path: Sequence[int], spans: Sequence[tuple[int, int]]) -> tuple[float, ...]:
    """Return one confidence for each word, 1 where the path takes the most probable unit in all its frames.

    Args:
        log_probs: (T, C) natural log-probs as they were searched, the blank's penalty applied.
        path: for each of the T frames the unit that the hypothesis takes there (the blank is one).
        spans: for each word its first frame and the frame after its last.
    """
    taken = log_probs[np.arange(len(path)), np.asarray(path, dtype=np.intp)]
    gap = (taken - log_probs.max(axis=1)).astype(np.float64)
    return tuple(float(np.exp(gap[start:end].mean())) if end > start else 0.0 for start, end in spans)


def utterance_confidence(confidences: Sequence[float]) -> float:
    """Return the mean of an utterance's word confidences; 0 where it has no word."""
    return float(np.mean(confidences)) if confidences else 0.0
