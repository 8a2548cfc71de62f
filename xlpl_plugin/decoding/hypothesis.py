"""What a decoder returns, and what it accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.units import BLANK_INDEX, PIECE_MARK, WORD_BOUNDARY
from xlpl_plugin.decoding.options import Weights
from xlpl_plugin.errors import XlplError

LogProbs = npt.NDArray[np.float32]
# log-probability of what cannot be
LOWEST = -1e4


@dataclass(frozen=True)
class Hypothesis:
    """One reading of an utterance.

    Attributes:
        words: native-script words.
        units: their spelling, each word with its trailing ``|`` where the units have one.
        am_score: natural log probability of the best alignment found, summed over the frames.
        lm_score: log10 probability of the words and the end of the sentence; 0 without an LM.
        score: am_score + lm_weight * lm_score + word_score * len(words); with ``log_add`` the am part sums
            over alignments.
        frames: for each unit the frame in which it begins.
        ends: for each unit the frame after its last.
        confidences: for each word how sure AM and LM are of it, 0 to 1 (``decoding.confidence``).
    """

    words: tuple[str, ...]
    units: tuple[str, ...]
    am_score: float
    lm_score: float
    score: float
    frames: tuple[int, ...]
    ends: tuple[int, ...] = ()
    confidences: tuple[float, ...] = ()


# what is made of an utterance in which nothing can be heard
NOTHING = Hypothesis(words=(), units=(), am_score=0.0, lm_score=0.0, score=0.0, frames=())


class Decoder(Protocol):
    """Turns one utterance's log-probs into hypotheses.

    Attributes:
        search_seconds: CPU time spent inside the C++ search so far; 0 where there is none.
    """

    search_seconds: float

    @property
    def dropped(self) -> tuple[str, ...]:
        """Words left out of the search: the units cannot write them, or likelier ones share their spelling."""

    def weighted(self, weights: Weights) -> Decoder:
        """Return a decoder with other weights; what is large is shared."""

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        """Return at least one hypothesis, best first, for (frames, units) natural log-probs, frames > 0."""


def checked_log_probs(log_probs: npt.ArrayLike, num_units: int) -> LogProbs:
    """Return ``log_probs`` as what the C++ decoder may read by its address: contiguous float32 (T, C) on the CPU.

    The decoder trusts the pointer that it is given: float64, a view, or another width is read as garbage.

    Raises:
        XlplError: no frame, another width than the units, NaN, or rows that are no log-probabilities.
    """
    array = np.ascontiguousarray(log_probs, dtype=np.float32)
    if array.ndim != 2 or array.shape[0] == 0 or array.shape[1] != num_units:
        raise XlplError(
            f"emissions of shape {array.shape}",
            expected=f"(frames > 0, {num_units} units)",
            remedy="use the units of the acoustic model that made these emissions",
        )
    if np.isnan(array).any():
        raise XlplError("emissions hold NaN", expected="log-probs", remedy="the acoustic model diverged: train it anew")
    with np.errstate(over="ignore"):
        totals = np.exp(array).sum(axis=1)
    worst = float(totals[np.abs(totals - 1).argmax()])
    if abs(worst - 1) > 0.05:  # half precision models stay below
        raise XlplError(
            f"the probabilities of a frame sum to {worst:.3g}",
            expected="natural log-probs (log_softmax), a sum of 1",
            remedy="pass the output of log_softmax in float32, not logits",
        )
    # the decoder subtracts scores, and inf - inf is NaN
    return np.maximum(array, np.float32(LOWEST))


def collapse(path: Sequence[int], units: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the units of a CTC path, the frame where each begins, and the frame after its last.

    Repeats and blanks go; so do word boundaries that end no word (at the start, or after another one). A word that
    is still open at the end is closed in the last frame: labels end every word with the boundary, and recordings
    are often cut before the model emits it.
    """
    found: list[tuple[str, int, int]] = []
    frame = 0
    for index, same in groupby(path):
        end = frame + len(list(same))
        ends_nothing = units[index] == WORD_BOUNDARY and (not found or found[-1][0] == WORD_BOUNDARY)
        if index != BLANK_INDEX and not ends_nothing:
            found.append((units[index], frame, end))
        frame = end
    if found and WORD_BOUNDARY in units and found[-1][0] != WORD_BOUNDARY:
        found.append((WORD_BOUNDARY, frame - 1, frame))
    names, frames, ends = zip(*found, strict=True) if found else ((), (), ())
    return names, frames, ends


def word_spans(units: Sequence[str], frames: Sequence[int], ends: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return for each word the first frame of its first letter and the frame after its last letter.

    Word boundaries, and a piece that is nothing but the mark of a word's beginning, belong to no word.

    >>> word_spans(("a", "b", "|", "a", "|"), (3, 5, 7, 9, 10), (4, 7, 8, 10, 11))
    ((3, 7), (9, 10))
    """
    spans: list[tuple[int, int]] = []
    new_word = True
    for unit, first, end in zip(units, frames, ends, strict=True):
        new_word = new_word or unit.startswith(PIECE_MARK)
        if unit in (WORD_BOUNDARY, PIECE_MARK):
            new_word = True
        elif new_word:
            spans.append((first, end))
            new_word = False
        else:
            spans[-1] = (spans[-1][0], end)
    return tuple(spans)
