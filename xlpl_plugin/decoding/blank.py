"""How much an acoustic model leaves out, and how to make it say more.

A CTC model that is unsure spreads its probability over many units; the blank, which it is surest of, then wins in
most frames, and whole syllables are lost. A student of such labels expects short output and loses more: the collapse
of naive rounds. Making the blank less probable gives the syllables back.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from xlpl_plugin.data.units import BLANK_INDEX, SPECIAL_SYMBOLS
from xlpl_plugin.decoding.hypothesis import LOWEST, LogProbs, checked_log_probs

_STEPS = 12


def penalize_blank(log_probs: LogProbs, penalty: float) -> LogProbs:
    """Return (T, C) natural log-probs with the blank's odds divided by exp(``penalty``); 0 changes nothing."""
    if not penalty:
        return log_probs
    shifted = log_probs.copy()
    shifted[:, BLANK_INDEX] -= penalty
    shifted -= shifted.max(axis=1, keepdims=True)  # a negative penalty may be large
    normalized: LogProbs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalized


def decodable(log_probs: LogProbs, num_units: int, blank_penalty: float) -> LogProbs:
    """Return a copy of (T, C) log-probs to decode: checked, the blank's penalty applied, other special symbols shut.

    Raises:
        XlplError: as ``checked_log_probs``.
    """
    emissions = penalize_blank(checked_log_probs(log_probs, num_units), blank_penalty)
    emissions[:, BLANK_INDEX + 1 : len(SPECIAL_SYMBOLS)] = LOWEST
    return emissions


def expected_units(log_probs: LogProbs) -> float:
    """Return how many units the model expects in the utterance, word boundaries included.

    The frames of a CTC model are independent, so the expected length of the collapsed output is the sum, over frames
    and units, of the probability that this frame says the unit and the frame before does not.
    """
    probabilities = np.exp(log_probs[:, len(SPECIAL_SYMBOLS) :].astype(np.float64))
    before = np.vstack([np.zeros((1, probabilities.shape[1])), probabilities[:-1]])
    return float((probabilities * (1.0 - before)).sum())


def penalty_for_length(length: Callable[[float], float], wanted: float, lowest: float, highest: float) -> float:
    """Return the smallest penalty, ``lowest`` to ``highest``, with which ``length(penalty)`` reaches ``wanted`` units.

    ``length`` must not fall as the penalty rises, which holds but for a few repeated units.
    """
    low, high = lowest, highest
    if length(low) >= wanted:
        return low
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if length(middle) >= wanted else (middle, high)
    return math.ceil(high * 100) / 100
