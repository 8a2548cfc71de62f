"""The most probable unit of each frame, collapsed: no lexicon, no LM."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.data.units import words_of_units
from xlpl_plugin.decoding.blank import decodable
from xlpl_plugin.decoding.confidence import word_confidences
from xlpl_plugin.decoding.hypothesis import Hypothesis, LogProbs, collapse, word_spans
from xlpl_plugin.decoding.options import Weights


class GreedyDecoder:
    """Best path decoding. The special symbols other than the blank are never chosen."""

    # there is no search, and no trie to drop words from
    search_seconds = 0.0
    dropped: tuple[str, ...] = ()

    def __init__(self, units: Sequence[str], blank_penalty: float = 0.0) -> None:
        self.units, self.blank_penalty = tuple(units), blank_penalty

    def weighted(self, weights: Weights) -> GreedyDecoder:
        """Return a decoder with another penalty of the blank."""
        return GreedyDecoder(self.units, weights.blank_penalty)

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        emissions = decodable(log_probs, len(self.units), self.blank_penalty)
        path = emissions.argmax(axis=1).tolist()
        units, frames, ends = collapse(path, self.units)
        score = float(emissions.max(axis=1).sum(dtype="float64"))
        confidences = word_confidences(emissions, path, word_spans(units, frames, ends))
        words = tuple(words_of_units(units))
        return [Hypothesis(words, units, score, 0.0, score, frames, ends, confidences)]
