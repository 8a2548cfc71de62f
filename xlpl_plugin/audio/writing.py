"""Recordings as training reads them: 16 kHz mono in 16-bit FLAC, or in Opus at a fifth of its size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.ogg import with_serial
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open

_FORMS = {".flac": ("FLAC", "PCM_16"), ".opus": ("OGG", "OPUS")}


def write_audio(path: str | Path, waveform: npt.NDArray[np.float32], *, sync: bool = True) -> int:
    """Write a (T,) float32 waveform at 16 kHz, whole or not at all, as its suffix says: .flac (16 bit) or .opus.

    What is too loud is clipped. The same waveform gives the same bytes. ``sync``: as in ``atomic_open``.

    Returns:
        How many samples ``read_audio`` gives for the file; for Opus counted by decoding it.

    Raises:
        XlplError: no samples, not finite, not one channel; another suffix.
    """
    path = Path(path)
    if waveform.ndim != 1 or waveform.size == 0 or not np.isfinite(waveform).all():
        raise XlplError(
            f"cannot write an array of shape {waveform.shape}", file=path, expected="(T,) finite samples, T > 0"
        )
    if path.suffix not in _FORMS:
        raise XlplError(f"cannot write {path.suffix!r} files", file=path, expected=" or ".join(_FORMS))
    form, subtype = _FORMS[path.suffix]
    stream = io.BytesIO()
    soundfile.write(stream, np.clip(waveform, -1.0, 1.0), SAMPLE_RATE, format=form, subtype=subtype)
    content, samples = stream.getvalue(), waveform.size
    if form == "OGG":
        content = with_serial(content, 1)
        samples = len(soundfile.read(io.BytesIO(content))[0])
    with atomic_open(path, "wb", sync=sync) as file:
        file.write(content)
    return samples
