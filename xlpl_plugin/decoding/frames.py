"""Which frames a search looks at: in long blanks nothing is said, and one frame stands for all (arXiv 2210.17017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.units import BLANK_INDEX
from xlpl_plugin.decoding.hypothesis import LogProbs


@dataclass(frozen=True)
class Frames:
    """An utterance's frames and those of them that are searched.

    Attributes:
        log_probs: (T, C) natural log-probs of all frames.
        kept: (K,) the frames that are searched, rising.
    """

    log_probs: LogProbs
    kept: npt.NDArray[np.intp]

    @classmethod
    def collapse(cls, log_probs: LogProbs, threshold: float) -> Frames:
        """Keep one frame, the least sure one, of frames in a row whose blank probability is above ``threshold``."""
        blank = log_probs[:, BLANK_INDEX]
        if threshold >= 1:
            return cls(log_probs, np.arange(len(blank)))
        sure = np.flatnonzero(blank > math.log(threshold))
        runs = np.split(sure, np.flatnonzero(np.diff(sure) > 1) + 1) if len(sure) else []
        kept = np.ones(len(blank), dtype=bool)
        kept[sure] = False
        kept[[run[blank[run].argmin()] for run in runs]] = True
        return cls(log_probs, np.flatnonzero(kept))

    @property
    def searched(self) -> LogProbs:
        """(K, C) log-probs."""
        return self.log_probs if len(self.kept) == len(self.log_probs) else self.log_probs[self.kept]

    @property
    def skipped_score(self) -> float:
        """Log probability of a blank in every frame that is not searched."""
        blank = self.log_probs[:, BLANK_INDEX]
        return float(blank.sum(dtype=np.float64) - blank[self.kept].sum(dtype=np.float64))

    def expand(self, path: Sequence[int]) -> list[int]:
        """Return the alignment of all frames that collapses to the same units as ``path``, one of the kept frames."""
        if len(self.kept) == len(self.log_probs):
            return list(path)
        full = np.full(len(self.log_probs), BLANK_INDEX)
        full[self.kept] = path
        # a unit that goes on over skipped frames is still one unit: blanks would make two of it
        for before, after in zip(self.kept[:-1], self.kept[1:], strict=True):
            if after - before > 1 and full[before] == full[after]:
                full[before:after] = full[before]
        indices: list[int] = full.tolist()
        return indices

    def score(self, path: Sequence[int]) -> float:
        """Return the log probability of an alignment of all frames."""
        return float(self.log_probs[np.arange(len(path)), np.asarray(path)].sum(dtype=np.float64))
