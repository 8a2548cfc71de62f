"""What lies between a mouth and a file: a microphone, an overloaded input, a telephone line, a lossy codec.

The codecs are libsndfile's own, coded and decoded in memory. Opus is not among them: it takes 15 to 30 ms for a second
of speech, the dearest here 5.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import firwin, firwin2, oaconvolve

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform

_OCTAVES = np.array([0, 62.5, 125, 250, 500, 1000, 2000, 4000, SAMPLE_RATE / 2])
_TAPS = 257
_CLIPPED_AT = (0.1, 0.7)

_PHONE_RATE = 8_000
_PHONE_TAPS = 129
_LOWER_END, _UPPER_END = (200.0, 400.0), (3_000.0, 3_600.0)
# how far below full scale the peak of a call is: G.711 and ADPCM are coarser for quiet ones
_PHONE_LEVEL = (-30.0, 0.0)
_PHONE_CODECS = (("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "GSM610"), ("WAV", "IMA_ADPCM"))

# form, codec, ends of libsndfile's degree of compression: 25 to 34 kbit/s
_FILE_CODECS = (("OGG", "VORBIS", (0.8, 1.0)), ("MP3", "MPEG_LAYER_III", (0.8, 0.95)))


def microphone(samples: Waveform, gain: float, rng: np.random.Generator) -> Waveform:
    """Return (T,) samples after a smooth frequency response, within +-``gain`` dB at each octave."""
    decibels = rng.uniform(-gain, gain, _OCTAVES.size)
    return _filtered(samples, firwin2(_TAPS, _OCTAVES, 10 ** (decibels / 20), fs=SAMPLE_RATE))


def clip(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """Return (T,) samples cut off at a random share of their peak."""
    limit = rng.uniform(*_CLIPPED_AT) * np.abs(samples).max()
    return np.clip(samples, -limit, limit)


def telephone(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """Return (T,) samples after a telephone call: about 300 to 3400 Hz, with the losses of one of its codecs."""
    band = [rng.uniform(*_LOWER_END), rng.uniform(*_UPPER_END)]
    narrow = soxr.resample(samples, SAMPLE_RATE, _PHONE_RATE)
    narrow = _filtered(narrow, firwin(_PHONE_TAPS, band, pass_zero=False, fs=_PHONE_RATE))
    form, codec = _PHONE_CODECS[rng.integers(len(_PHONE_CODECS))]
    heard = _coded(narrow, _PHONE_RATE, form, codec, 10 ** (rng.uniform(*_PHONE_LEVEL) / 20))
    return _of_length(soxr.resample(heard, _PHONE_RATE, SAMPLE_RATE), samples.size)


def compress(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """Return (T,) samples after a file of a lossy codec at a low rate."""
    form, codec, degrees = _FILE_CODECS[rng.integers(len(_FILE_CODECS))]
    return _of_length(_coded(samples, SAMPLE_RATE, form, codec, 0.9, rng.uniform(*degrees)), samples.size)


def _filtered(samples: Waveform, taps: NDArray[np.float64]) -> Waveform:
    """Filter without delay: ``taps`` are odd in number and symmetric."""
    return oaconvolve(samples, taps.astype(np.float32))[taps.size // 2 :][: samples.size]


def _coded(samples: Waveform, rate: int, form: str, codec: str, level: float, degree: float | None = None) -> Waveform:
    """Code samples with their peak at ``level`` of full scale, and decode them; they come back as loud as they were."""
    scale = level / max(float(np.abs(samples).max(initial=0)), 1e-6)
    file = io.BytesIO()
    soundfile.write(file, samples * np.float32(scale), rate, format=form, subtype=codec, compression_level=degree)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0] / np.float32(scale)


def _of_length(samples: Waveform, size: int) -> Waveform:
    """Cut off, or fill with silence, what a codec of fixed frames gave more or less."""
    return np.pad(samples[:size], (0, max(0, size - samples.size)))
