"""Formant speech by libespeak-ng."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.espeak.library import espeak

_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER


@dataclass(frozen=True)
class Voice:
    """Who speaks: an espeak-ng language, one of its voice variants, and a manner of speaking."""

    language: str
    variant: str = "m1"
    words_per_minute: int = 160
    pitch: int = 50
    pitch_range: int = 50


def speak(text: str, voice: Voice) -> NDArray[np.float32]:
    """Return (T,) float32 samples at 16 kHz.

    Raises:
        XlplError: the library has no such voice.
    """
    library = espeak()
    library.choose_voice(f"{voice.language}+{voice.variant}")
    for parameter, value in ((_RATE, voice.words_per_minute), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
        library.set_parameter(parameter, value)
    samples = torch.from_numpy(library.speak(text).astype(np.float32) / 32768.0)
    if not len(samples):
        return samples.numpy()
    resampled: NDArray[np.float32] = torchaudio.functional.resample(samples, library.sample_rate, SAMPLE_RATE).numpy()
    return resampled
