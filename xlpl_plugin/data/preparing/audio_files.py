"""The one place where a preparation meets decoders and encoders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform, audio_info, stream_audio, write_audio
from xlpl_plugin.errors import XlplError


def blocks(path: Path, channel: int | None) -> Iterator[Waveform]:
    """Yield a recording as 16 kHz mono blocks: one channel, or the mean of all."""
    return stream_audio(path, channel=channel)


def write(path: Path, waveform: Waveform) -> int:
    """Write a recording by its suffix; return how many samples reading it gives.

    The disk is waited for once, when the folder is complete: for every file it takes as long as the work.
    """
    return write_audio(path, waveform, sync=False)


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
    try:
        return audio_info(audio).seconds or 0.0
    except XlplError:
        return 0.0
