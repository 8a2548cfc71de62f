"""What the headers of recordings say before they are decoded: whether a link will do, and how long they are."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import audio_info
from xlpl_plugin.errors import XlplError


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
