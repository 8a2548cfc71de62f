"""The dataset that fairseq's training loop iterates over where the task itself decides what each step trains on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from fairseq.data import FairseqDataset

from xlpl_plugin.data.dataset import Indices


class Turns(FairseqDataset):
    """Steps of an epoch, numbered; each is a batch of its own. ``length`` is set when batches are known."""

    def __init__(self) -> None:
        self.length = 1

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return int(index)

    def collater(self, samples: list[int]) -> dict[str, Any]:
        return {"turn": torch.tensor(samples)}

    def ordered_indices(self) -> Indices:
        return np.arange(self.length)

    def batch_by_size(self, indices: Indices, *_: Any, **__: Any) -> list[Indices]:
        return [indices[i : i + 1] for i in range(len(indices))]

    def filter_indices_by_size(self, indices: Indices, max_sizes: Any) -> tuple[Indices, list[int]]:
        return indices, []

    def num_tokens(self, index: int) -> int:
        return 1

    def size(self, index: int) -> int:
        return 1
