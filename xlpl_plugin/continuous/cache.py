"""The cache of pseudo-labelled batches (slimIPL, arXiv 2010.11524): which recordings, their labels, their age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from xlpl_plugin.data.dataset import Indices

Labels = npt.NDArray[np.int16]
Packed = dict[str, torch.Tensor]
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class CachedBatch:
    """Rows of the unlabelled dataset, the units of each, and the update whose weights gave these.

    Audio is not held: a batch is about a kilobyte for a minute of speech.
    """

    rows: Indices
    labels: tuple[Labels, ...]
    made: int


def slot_of_visit(visit: int, size: int, seed: Sequence[int]) -> int:
    """Return which of ``size`` batches a visit (from 0) goes to: all of them in each pass, each pass shuffled anew."""
    number, position = divmod(visit, size)
    return int(np.random.default_rng((*seed, number)).permutation(size)[position])


def pack(batches: Sequence[CachedBatch]) -> Packed:
    """Put batches into a few tensors: plain data for a checkpoint, and quick to store and to send."""
    labels = [own for batch in batches for own in batch.labels]
    return {
        "made": torch.tensor([batch.made for batch in batches], dtype=torch.int64),
        "sizes": torch.tensor([len(batch.rows) for batch in batches], dtype=torch.int64),
        "rows": torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *(batch.rows for batch in batches)])),
        "lengths": torch.tensor([len(own) for own in labels], dtype=torch.int64),
        "units": torch.from_numpy(np.concatenate([np.zeros(0, np.int16), *labels])),
    }


def unpack(packed: Packed) -> list[CachedBatch]:
    """Return the batches that ``pack`` was given."""
    labels = iter(_split(packed["units"].numpy(), packed["lengths"].tolist()))
    rows = _split(packed["rows"].numpy(), packed["sizes"].tolist())
    return [
        CachedBatch(own, tuple(next(labels) for _ in own), made)
        for own, made in zip(rows, packed["made"].tolist(), strict=True)
    ]


def _split(values: npt.NDArray[_Number], lengths: Sequence[int]) -> list[npt.NDArray[_Number]]:
    ends = np.cumsum(lengths, dtype=np.int64)
    return [values[end - length : end].copy() for end, length in zip(ends, lengths, strict=True)]
