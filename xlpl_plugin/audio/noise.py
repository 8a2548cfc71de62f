"""Noise for synthetic speech, which is otherwise cleaner than any recording, and for training audio."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# powers of 1/f: 0 is white noise, 2 is the rumble of a street
_COLOURS = (0.0, 2.0)
_LARGEST = 0.99


def add_noise(samples: NDArray[np.float32], decibels: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (T,) samples with stationary noise of a random colour, so many decibels weaker than the speech.

    The sum is made quieter where it would leave [-1, 1].
    """
    return mix(samples, coloured(samples.size, rng), decibels)


def coloured(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (size,) stationary noise of a random colour; sizes of small factors are quicker."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum /= np.maximum(np.arange(spectrum.size), 1) ** (rng.uniform(*_COLOURS) / 2)
    spectrum[0] = 0.0
    return np.fft.irfft(spectrum, size)


def mix(samples: NDArray[np.float32], other: NDArray[Any], decibels: float) -> NDArray[np.float32]:
    """Return (T,) samples and ``other``, (T,), made so many decibels weaker; as they are where ``other`` is silent.

    The sum is made quieter where it would leave [-1, 1].
    """
    power = np.mean(np.square(other))
    if not power:
        return samples
    ratio = 10 ** (-decibels / 20) * np.sqrt(np.mean(np.square(samples)) / power)
    mixed = samples + ratio * other
    return (mixed * min(1.0, _LARGEST / np.abs(mixed).max(initial=1e-9))).astype(np.float32)
