"""What is heard behind speech: steady noise, mains hum, other people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.noise import coloured
from xlpl_plugin.audio.reading import Waveform

Background = NDArray[np.float64]
OtherSpeech = Callable[[np.random.Generator], Waveform]

_MAINS = (50.0, 60.0)
_HARMONICS = 10
# whole periods of both mains
_HUM_SECONDS = 0.1
_SPEAKERS = (2, 4)


def steady_noise(size: int, rng: np.random.Generator) -> Background:
    """Return (size,) noise of a random colour."""
    return coloured(next_fast_len(size, real=True), rng)[:size]


def hum(size: int, rng: np.random.Generator) -> Background:
    """Return (size,) of 50 or 60 Hz with overtones of random strengths, even ones as well as odd ones."""
    seconds = np.arange(round(_HUM_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    order = np.arange(1, _HARMONICS + 1)[:, None]
    phase, strength = rng.uniform(0, 2 * np.pi, order.shape), rng.uniform(0, 1, order.shape) / order
    period = (strength * np.sin(2 * np.pi * rng.choice(_MAINS) * order * seconds + phase)).sum(axis=0)
    return np.resize(period, size)


def babble(size: int, other: OtherSpeech, rng: np.random.Generator) -> Background:
    """Return (size,) of some people who talk at once, each repeated from a random place on and equally loud."""
    voices = (_anywhere(other(rng), size, rng) for _ in range(rng.integers(*_SPEAKERS, endpoint=True)))
    return np.sum([voice / max(float(np.sqrt(np.mean(np.square(voice)))), 1e-6) for voice in voices], axis=0)


def _anywhere(samples: Waveform, size: int, rng: np.random.Generator) -> Waveform:
    return np.resize(np.roll(samples, -int(rng.integers(samples.size))), size)
