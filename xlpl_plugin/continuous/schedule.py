"""Which updates train on labelled batches and which on the cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xlpl_plugin.errors import XlplError


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

    def check(self) -> None:
        """Raise ``XlplError`` for numbers that make no schedule."""
        for name in ("warm_up", "labelled", "unlabelled"):
            if getattr(self, name) < 0:
                key = name if name == "warm_up" else f"{name}_updates"
                raise XlplError(f"task.{key}={getattr(self, name)}", expected="a whole number of at least 0")
        if not self.labelled + self.unlabelled:
            raise XlplError(
                "task.labelled_updates=0 and task.unlabelled_updates=0: there is nothing to train on",
                expected="the ratio of labelled to unlabelled updates, such as 1 and 1",
            )
        if self.warm_up and not self.labelled:
            raise XlplError(
                f"task.warm_up={self.warm_up} with task.labelled_updates=0",
                expected="no warm-up, since it would train on the labelled part",
                remedy="set task.warm_up=0, or task.labelled_updates=1",
            )

    def begun(self, update: int) -> bool:
        """Whether the warm-up is over at the (0-based) update."""
        return update >= self.warm_up

    def is_unlabelled(self, update: int) -> bool:
        """Whether the (0-based) update trains on the cache."""
        if not self.begun(update):
            return False
        length = self.labelled + self.unlabelled
        cycle, position = divmod(update - self.warm_up, length)
        order = np.random.default_rng((*self.seed, cycle)).permutation(length)
        return bool(order[position] >= self.labelled)
