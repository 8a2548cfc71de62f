"""What each process of a distributed training holds, known to all: whichever saves a checkpoint saves all of it.

fairseq calls the task of one process alone when it saves, so nothing can be gathered then. After every step the
processes tell each other what changed: a few numbers, and the labels that were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch.distributed
from fairseq.distributed import utils

from xlpl_plugin.continuous.cache import CachedBatch, pack, unpack
from xlpl_plugin.continuous.guard import LabelCounts

Positions = dict[str, int]


@dataclass
class Holding:
    """One process's places in its streams and in its cache, and the batches that the cache holds."""

    positions: Positions = field(default_factory=dict)
    batches: dict[int, CachedBatch] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Any]:
        return {"positions": dict(self.positions), "batches": pack([self.batches[i] for i in sorted(self.batches)])}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Holding:
        return cls(dict(state["positions"]), dict(enumerate(unpack(state["batches"]))))


@dataclass(frozen=True)
class News:
    """What a process did in a step: where it is now, what it put into its cache, and counts of its fresh labels."""

    positions: Positions
    put: dict[int, CachedBatch]
    counts: Sequence[LabelCounts]


class Peers:
    """The holdings of all processes, each process's own among them."""

    def __init__(self, rank: int, world: int) -> None:
        self._rank = rank
        self.holdings = [Holding() for _ in range(world)]

    @property
    def own(self) -> Holding:
        """This process's holding."""
        return self.holdings[self._rank]

    def share(self, news: News) -> list[LabelCounts]:
        """Exchange news with the other processes and return the counts of all in the order of the processes.

        Every process must call this once in every step.
        """
        told = [news] if len(self.holdings) == 1 else _gather(news, len(self.holdings))
        for holding, own in zip(self.holdings, told, strict=True):
            holding.positions = own.positions
            holding.batches |= own.put
        return [counts for own in told for counts in own.counts]


def _gather(news: News, world: int) -> list[News]:
    message = (news.positions, list(news.put), pack(list(news.put.values())), [own.to_list() for own in news.counts])
    gathered: list[Any] = [None] * world
    # pickles of our own making, among the processes of one training
    torch.distributed.all_gather_object(gathered, message, group=utils.get_data_parallel_group())
    return [
        News(positions, dict(zip(slots, unpack(packed), strict=True)), [LabelCounts.from_list(own) for own in counts])
        for positions, slots, packed, counts in gathered
    ]
