"""A decoded recording of any length, any stretch of which can be read again."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np

from xlpl_plugin.audio.reading import Waveform

# 17 minutes; beyond that the samples go to a file without a name
_IN_MEMORY = 1 << 26
_BYTES = np.dtype(np.float32).itemsize


class Spool:
    """Samples in the order in which they were decoded: in memory, or in ``folder`` where they are many.

    The file is gone when the block ends, or when the process dies.
    """

    def __init__(self, blocks: Iterable[Waveform], folder: str | Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(folder))  # noqa: SIM115 (closed at the end)
        self._samples, self._energy = 0, 0.0
        try:
            for block in blocks:
                self._file.write(np.ascontiguousarray(block, np.float32).tobytes())
                self._samples += block.size
                self._energy += float(np.einsum("i,i->", block, block, dtype=np.float64))
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return self._samples

    @property
    def decibels(self) -> float:
        """Loudness of the whole: the mean power, full scale = 0."""
        return decibels(self._energy, self._samples)

    def read(self, start: int, end: int) -> Waveform:
        """Return the samples ``start`` to ``end``, of which there must be as many."""
        self._file.seek(start * _BYTES)
        return np.frombuffer(self._file.read((end - start) * _BYTES), np.float32)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def decibels(energy: float, samples: int) -> float:
    """Return the mean power of ``samples`` whose squares sum up to ``energy``; full scale = 0."""
    return 10 * math.log10(energy / samples) if energy > 0 else -math.inf
