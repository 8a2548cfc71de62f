"""The one place where a preparation meets decoders and encoders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform, read_audio, write_audio
from xlpl_plugin.files import make_folder


def blocks(path: Path, channel: int | None) -> Iterator[Waveform]:
    """Yield a recording as 16 kHz mono blocks: one channel, or the mean of all."""
    # ONE PLACE: becomes `return stream_audio(path, channel=channel)`
    whole = read_audio(path)
    if channel is not None:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        whole = np.ascontiguousarray(samples[:, channel])
        whole = whole if rate == SAMPLE_RATE else np.asarray(soxr.resample(whole, rate, SAMPLE_RATE), np.float32)
    for start in range(0, len(whole), 30 * SAMPLE_RATE):
        yield whole[start : start + 30 * SAMPLE_RATE]


def write(path: Path, waveform: Waveform) -> int:
    """Write a recording by its suffix; return how many samples reading it gives."""
    # ONE PLACE: becomes `return write_audio(path, waveform)`
    if path.suffix == ".opus":
        make_folder(path.parent)
        soundfile.write(path, np.clip(waveform, -1, 1), SAMPLE_RATE, format="OGG", subtype="OPUS")
        return read_audio(path).size
    write_audio(path, waveform)
    return waveform.size
