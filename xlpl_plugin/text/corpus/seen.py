"""Which sentences were there before, by digests of eight bytes, so that sentences need not stay in memory."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import numpy.typing as npt

# the chance that any two of 100 million different sentences share one is 1 in 3,700
_BYTES = 8
Digests = npt.NDArray[np.uint64]


def digest(sentence: str) -> bytes:
    """Return the digest of a sentence, the same on every machine."""
    return hashlib.sha256(sentence.encode()).digest()[:_BYTES]


def as_numbers(digests: bytes) -> Digests:
    """Return joined digests as numbers, (sentences,)."""
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def are_held_out(digests: Digests, fraction: float) -> npt.NDArray[np.bool_]:
    """Return which sentences are held out, (sentences,): by the digest, so that one is always on the same side."""
    return digests < np.uint64(math.ceil(fraction * 2**64))


class SeenDigests:
    """A growing set of digests: 8 bytes for each (32 for a moment, now and then), in sorted runs of falling length."""

    def __init__(self) -> None:
        self._runs: list[Digests] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Add digests, (sentences,); return which of them were not there before, nor earlier among these."""
        _, first = np.unique(digests, return_index=True)
        fresh = np.zeros(len(digests), dtype=bool)
        fresh[first] = True
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, digests), len(run) - 1)
            fresh &= run[places] != digests
        if fresh.any():
            self._runs.append(np.sort(digests[fresh]))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [np.sort(np.concatenate(self._runs[-2:]), kind="stable")]
        return fresh
