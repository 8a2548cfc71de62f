"""Cutting a long recording where it is quietest, so that each piece fits through an acoustic model."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform

_HOP = SAMPLE_RATE // 100
# a pause between words lasts about as long: shorter silences are found inside of words
_PAUSE_HOPS = 20
SHORTEST_WINDOW = 1.0


def cut_at_silence(waveform: Waveform, longest: float) -> list[tuple[int, int]]:
    """Divide a recording into windows of at most ``longest`` seconds, each cut in the middle of its quietest pause.

    A pause is looked for in the second half of a window. The last window is no shorter than a quarter of
    ``longest``; a recording that is not longer than ``longest`` is one window.

    Args:
        waveform: (T,) float32 at 16 kHz.
        longest: seconds, at least ``SHORTEST_WINDOW``.

    Returns:
        Ranges of samples (start, end) that tile the recording.

    Raises:
        ValueError: ``longest`` is below ``SHORTEST_WINDOW``.
    """
    if not longest >= SHORTEST_WINDOW:
        raise ValueError(f"longest={longest}: expected at least {SHORTEST_WINDOW} seconds")
    limit, total = int(longest * SAMPLE_RATE), len(waveform)
    if total <= limit:
        return [(0, total)]
    energy = _pause_energy(waveform)
    cuts = [0]
    while total - cuts[-1] > limit:
        start = cuts[-1]
        cuts.append(_quietest(energy, start + limit // 2, min(start + limit, total - limit // 4)))
    return list(zip(cuts, [*cuts[1:], total], strict=True))


def _pause_energy(waveform: Waveform) -> npt.NDArray[np.float64]:
    """Return, for each hop, the energy of the pause-long stretch that begins there."""
    hops = len(waveform) // _HOP
    blocks = waveform[: hops * _HOP].reshape(hops, _HOP)
    energy = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64)
    stretches = np.lib.stride_tricks.sliding_window_view(energy, _PAUSE_HOPS)
    sums: npt.NDArray[np.float64] = stretches.sum(axis=1)
    return sums


def _quietest(energy: npt.NDArray[np.float64], earliest: int, latest: int) -> int:
    """Return the sample, ``earliest`` to ``latest``, in the middle of the quietest stretch around any of them."""
    middle = _PAUSE_HOPS // 2
    first, last = math.ceil(earliest / _HOP) - middle, latest // _HOP - middle
    return (first + int(np.argmin(energy[first : last + 1])) + middle) * _HOP
