"""Rooms: impulse responses drawn at random, and speech in them.

The tail is Polack's model, Gaussian noise that dies away exponentially ("La transmission de l'énergie sonore dans les
salles", 1988), high frequencies faster than low ones; some early reflections stand before it. The image-source model of
a box (pyroomacoustics) takes 10 to 500 ms a room, this one below 1 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform

# walls are 1 to 8 m of detour away
_REFLECTIONS = (4, 12)
_REFLECTION_SECONDS = (0.003, 0.025)
_TAIL_SECONDS = 0.01
# how much sooner high frequencies have died away, in air, curtains and people
_HIGH_SHARE = (0.4, 1.0)
_SMOOTHING = 8
# 60 dB as a power of e of the amplitude
_FALL = np.log(1000)


def impulse_response(rt60: float, direct: float, rng: np.random.Generator) -> Waveform:
    """Return (N,) float32 with the direct sound at 0, so that speech stays where it is in time; its energy is 1.

    Args:
        rt60: seconds until the sound has fallen by 60 dB, low frequencies; N is as long.
        direct: ratio of direct to reverberant energy in dB.
    """
    seconds = np.arange(max(2, round(rt60 * SAMPLE_RATE))) / SAMPLE_RATE
    response = _tail(seconds, rt60, rng)
    delays = rng.uniform(*_REFLECTION_SECONDS, rng.integers(*_REFLECTIONS, endpoint=True))
    delays = delays[delays < seconds[-1]]
    # a reflection is louder than the noise around it, and turned over by half of the walls
    height = 3 * np.exp(-_FALL * delays / rt60) * rng.choice([-1.0, 1.0], delays.size)
    np.add.at(response, (delays * SAMPLE_RATE).astype(int), height)
    response[0] = 0.0
    energy = np.square(response).sum()
    if energy:
        response *= 10 ** (-direct / 20) / np.sqrt(energy)
    response[0] = 1.0
    return (response / np.sqrt(np.square(response).sum())).astype(np.float32)


def _tail(seconds: NDArray[np.float64], rt60: float, rng: np.random.Generator) -> NDArray[np.float64]:
    noise = rng.standard_normal(seconds.size)
    low = np.convolve(noise, np.full(_SMOOTHING, 1 / _SMOOTHING))[: seconds.size]
    fall = np.exp(-_FALL * seconds / rt60)
    tail = low * fall + (noise - low) * fall ** (1 / rng.uniform(*_HIGH_SHARE))
    return np.where(seconds < _TAIL_SECONDS, 0.0, tail)


def reverberate(samples: Waveform, response: Waveform) -> Waveform:
    """Return (T,) samples as they are heard where ``response`` was measured; what rings on after T is cut off."""
    return oaconvolve(samples, response)[: samples.size].astype(np.float32)
