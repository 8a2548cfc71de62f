"""The most probable unit of each frame, collapsed: no lexicon, no LM."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.data.units import SPECIAL_SYMBOLS, WORD_BOUNDARY, words_of_units
from xlpl_plugin.decoding.blank import penalize_blank
from xlpl_plugin.decoding.hypothesis import Hypothesis, LogProbs, checked_log_probs, collapse


class GreedyDecoder:
    """Best path decoding. The special symbols other than the blank are never chosen."""

    def __init__(self, units: Sequence[str], blank_penalty: float = 0.0) -> None:
        self.units, self.blank_penalty = tuple(units), blank_penalty

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        emissions = penalize_blank(checked_log_probs(log_probs, len(self.units)), self.blank_penalty)
        emissions[:, 1 : len(SPECIAL_SYMBOLS)] = -1e4
        path = emissions.argmax(axis=1)
        units, frames = collapse(path.tolist(), self.units)
        if units and WORD_BOUNDARY in self.units and units[-1] != WORD_BOUNDARY:
            # labels end every word with the boundary, and recordings are often cut before the model emits it
            units, frames = (*units, WORD_BOUNDARY), (*frames, len(path) - 1)
        score = float(emissions.max(axis=1).sum(dtype="float64"))
        words = tuple(words_of_units(units))
        return [Hypothesis(words, units, am_score=score, lm_score=0.0, score=score, frames=frames)]
