"""The one place where a preparation meets decoders and encoders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform, audio_info, read_audio, write_audio
from xlpl_plugin.errors import XlplError
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


def links_well(audio: Path, temporary: Path | None) -> bool:
    """Whether a file is 16 kHz mono by its header, will last, and has a suffix, which an utterance's path must have."""
    if not audio.suffix or (temporary is not None and audio.absolute().is_relative_to(temporary.absolute())):
        return False
    try:
        info = audio_info(audio)
    except XlplError:
        return False
    return (info.rate, info.channels) == (SAMPLE_RATE, 1)


def header_seconds(audio: Path) -> float:
    """Return how long a file is by its header; 0 where that is not known."""
    # ONE PLACE: becomes `return audio_info(audio).seconds or 0.0`
    try:
        info = audio_info(audio)
    except XlplError:
        return 0.0
    return (info.frames or 0) / info.rate
