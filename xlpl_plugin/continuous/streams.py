"""Batches of a dataset without end, in an order that two numbers describe."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from xlpl_plugin.data.dataset import AudioDataset, Indices
from xlpl_plugin.errors import XlplError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batching:
    """How rows become batches, and which of these are this process's.

    Attributes:
        max_tokens: samples in a padded batch; longer recordings are left out of training. None: no limit.
        max_sentences: recordings in a batch; None: no limit.
        rank: number of this process among ``world``.
    """

    max_tokens: int | None
    max_sentences: int | None
    seed: int
    rank: int = 0
    world: int = 1


class BatchStream:
    """The batches of epoch after epoch, each drawn and shuffled anew and dealt out to the processes in turn.

    ``epoch`` (from 1) and ``taken``, the batches taken of it, are all of its state.
    """

    def __init__(self, dataset: AudioDataset, batching: Batching) -> None:
        self._dataset, self._batching = dataset, batching
        self.go_to(1, 0)

    def go_to(self, epoch: int, taken: int) -> None:
        """Go to the place of a stream that has taken so many batches of its epoch."""
        self.epoch, self.taken = epoch, taken
        self._batches = self._deal(epoch)

    def __len__(self) -> int:
        """Batches that this process takes in an epoch."""
        return len(self._batches)

    def peek(self) -> Indices:
        """Return the batch that ``take`` will return next: rows of the dataset."""
        if self.taken >= len(self._batches):  # more: a training goes on with larger batches
            self.go_to(self.epoch + 1, 0)
        return self._batches[self.taken]

    def take(self) -> Indices:
        batch = self.peek()
        self.taken += 1
        return batch

    def _deal(self, epoch: int) -> list[Indices]:
        """Return this process's batches; where they do not come out even, some processes share one."""
        options = self._batching
        self._dataset.set_epoch(epoch)
        rows, long = self._dataset.filter_indices_by_size(self._dataset.ordered_indices(), options.max_tokens)
        if epoch == 1 and long:
            logger.info("left out %d utterances longer than dataset.max_tokens=%d", len(long), options.max_tokens)
        if not len(rows):
            raise XlplError(
                f"all {len(long)} recordings are longer than dataset.max_tokens={options.max_tokens} samples",
                file=self._dataset.roots[0],
                expected="batches that hold at least one recording",
                remedy="raise dataset.max_tokens",
            )
        batches = self._dataset.batch_by_size(rows, options.max_tokens, options.max_sentences)
        order = np.random.default_rng((options.seed, epoch)).permutation(len(batches))
        shares = -(-len(batches) // options.world)
        return [batches[order[(options.rank + i * options.world) % len(batches)]] for i in range(shares)]
