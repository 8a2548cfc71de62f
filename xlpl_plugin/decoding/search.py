"""What beam searches share: the frames that they are given, the time they take, and how their paths are read."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import NamedTuple

from xlpl_plugin.data.units import WORD_BOUNDARY
from xlpl_plugin.decoding.blank import decodable
from xlpl_plugin.decoding.confidence import word_confidences
from xlpl_plugin.decoding.frames import Frames
from xlpl_plugin.decoding.hypothesis import Hypothesis, LogProbs, collapse, word_spans
from xlpl_plugin.decoding.options import DecoderConfig, Weights
from xlpl_plugin.schema import check_options

# stands for silence where the units have no word boundary: <pad> is shut
_UNUSED_INDEX = 1


class Scores(NamedTuple):
    """Of a hypothesis: its alignment's, its LM's, what is maximised, and the part that each word has in the LM's."""

    am: float
    lm: float
    total: float
    words: Sequence[float]


class BeamSearch(ABC):
    """A decoder that searches with flashlight-text.

    Attributes:
        search_seconds: CPU time spent inside the C++ search so far.
        dropped: words that are not searched for: the units cannot write them, or likelier ones share their spelling.
    """

    dropped: tuple[str, ...] = ()

    def __init__(self, config: DecoderConfig, units: Sequence[str]) -> None:
        check_options(config, "decoder")
        self.config, self.units = config, tuple(units)
        self.search_seconds = 0.0
        self.has_boundary = WORD_BOUNDARY in self.units
        self.silence = self.units.index(WORD_BOUNDARY) if self.has_boundary else _UNUSED_INDEX

    @abstractmethod
    def weighted(self, weights: Weights) -> BeamSearch:
        """Return a decoder with other weights over the same trie and LM."""

    @abstractmethod
    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        """Return at least one hypothesis, best first, no two of the same words."""

    def reweighted(self, weights: Weights) -> DecoderConfig:
        return replace(self.config, **asdict(weights))

    def frames(self, log_probs: LogProbs) -> Frames:
        """Check what an acoustic model says, apply the blank's penalty and choose the frames to search."""
        emissions = decodable(log_probs, len(self.units), self.config.blank_penalty)
        return Frames.collapse(emissions, self.config.collapse_blank)

    @contextmanager
    def timed(self) -> Iterator[None]:
        started = time.thread_time()
        yield
        self.search_seconds += time.thread_time() - started

    def hypothesis(
        self, frames: Frames, path: Sequence[int], words: tuple[str, ...], scores: Scores, num_frames: int | None = None
    ) -> Hypothesis:
        """Read an alignment of all frames, of whose first ``num_frames`` (all, where not given) the words were made."""
        units, starts, ends = collapse(path[:num_frames], self.units)
        confidences = word_confidences(frames.log_probs, path, word_spans(units, starts, ends), scores.words)
        return Hypothesis(words, units, scores.am, scores.lm, scores.total, starts, ends, confidences)
