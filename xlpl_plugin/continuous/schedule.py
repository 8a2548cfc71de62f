"""Which updates train on labelled batches and which on the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Schedule:
    """Labelled updates alone at first, then cycles of both kinds, shuffled (as slimIPL was released).

    It follows from the seed, the process and the update alone, so that nothing of it needs to be stored. Processes
    shuffle differently: an update then trains on both kinds.

    Attributes:
        warm_up: updates before the first cycle.
        labelled: labelled updates of a cycle; with 0 there are none, in the warm-up neither.
        unlabelled: updates of a cycle that train on the cache.
    """

    warm_up: int
    labelled: int
    unlabelled: int
    seed: tuple[int, ...]

    def begun(self, update: int) -> bool:
        """Return whether the warm-up is over at the (0-based) update."""
        return update >= self.warm_up

    def is_unlabelled(self, update: int) -> bool:
        """Return whether the (0-based) update trains on the cache."""
        if not self.begun(update):
            return False
        length = self.labelled + self.unlabelled
        cycle, position = divmod(update - self.warm_up, length)
        order = np.random.default_rng((*self.seed, cycle)).permutation(length)
        return bool(order[position] >= self.labelled)
