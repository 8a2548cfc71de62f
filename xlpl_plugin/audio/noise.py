"""Noise for synthetic speech, which is otherwise cleaner than any recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# powers of 1/f: 0 is white noise, 2 is the rumble of a street
_COLOURS = (0.0, 2.0)
_LARGEST = 0.99


def add_noise(samples: NDArray[np.float32], decibels: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (T,) samples with stationary noise of a random colour, so many decibels weaker than the speech.

    The sum is made quieter where it would leave [-1, 1].
    """
    spectrum = np.fft.rfft(rng.standard_normal(samples.size))
    spectrum /= np.maximum(np.arange(spectrum.size), 1) ** (rng.uniform(*_COLOURS) / 2)
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, samples.size)
    ratio = 10 ** (-decibels / 20) * np.sqrt(np.mean(np.square(samples)) / np.mean(np.square(noise)))
    mixed = samples + ratio * noise
    return (mixed * min(1.0, _LARGEST / np.abs(mixed).max(initial=1e-9))).astype(np.float32)
