"""Formant speech by libespeak-ng, which the pip package ``espeakng-loader`` ships with its data.

One engine a process: the C library keeps its state in globals.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import espeakng_loader
import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError

_SYNCHRONOUS = 2
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_CHARS_UTF8 = 1
_SAMPLES = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """Who speaks: an espeak-ng language, one of its voice variants, and a manner of speaking."""

    language: str
    variant: str = "m1"
    words_per_minute: int = 160
    pitch: int = 50
    pitch_range: int = 50


class Engine:
    """libespeak-ng in synchronous mode; get it from ``engine()``."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.sample_rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
        if self.sample_rate <= 0:
            raise XlplError("libespeak-ng does not start", remedy="pip install --force-reinstall espeakng-loader")
        self._blocks: list[NDArray[np.int16]] = []
        self._callback = _SAMPLES(self._collect)  # kept: C holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: Voice) -> NDArray[np.float32]:
        """Return (T,) float32 samples at 16 kHz.

        Raises:
            XlplError: the library has no such voice.
        """
        name = f"{voice.language}+{voice.variant}"
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise XlplError(
                f"espeak-ng has no voice {name!r}", expected="a language code such as 'es' and a variant such as 'm3'"
            )
        for parameter, value in ((_RATE, voice.words_per_minute), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._blocks.clear()
        encoded = text.encode("utf-8")
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, _CHARS_UTF8, None, None)
        if not self._blocks:
            return np.zeros(0, dtype=np.float32)
        samples = torch.from_numpy(np.concatenate(self._blocks).astype(np.float32) / 32768.0)
        resampled: NDArray[np.float32] = torchaudio.functional.resample(samples, self.sample_rate, SAMPLE_RATE).numpy()
        return resampled

    def _collect(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0


@functools.cache
def engine() -> Engine:
    """Return the process's engine."""
    return Engine()
