"""Any recording as a 16 kHz mono float32 array, at once or block by block; the door to the rest of audio files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.decoding import AudioInfo, Block, audio_info, decode
from xlpl_plugin.audio.formats import AUDIO_SUFFIXES, is_recording
from xlpl_plugin.audio.writing import write_audio
from xlpl_plugin.errors import XlplError

__all__ = [
    "AUDIO_SUFFIXES", "AudioInfo", "Waveform", "audio_info", "is_recording", "read_audio", "stream_audio", "write_audio"
]  # fmt: skip

Waveform = npt.NDArray[np.float32]

# a mean so much weaker (20 dB) than what the loudest channel alone would leave of itself in it has been cancelled
_CANCELLED = 0.01
# a channel that counts as loud beside the loudest
_LOUD = 0.5


def read_audio(path: str | Path, *, channel: int | None = None) -> Waveform:
    """Decode wav, flac, ogg, mp3, raw g722 and whatever else libsndfile or FFmpeg reads, all that is in it.

    Other rates are resampled. Channels are averaged; a block of 10 seconds in which they cancel each other (one
    inverted) is its first loud channel.

    Args:
        path: a file; what it is, its contents say, its name only for raw codecs.
        channel: the one channel to read, from 0; None = the mean of all.

    Returns:
        (T,) float32 at 16 kHz, full scale = 1.

    Raises:
        XlplError: the file is missing, zero-length, truncated, corrupt, not audio, holds NaN or infinity, or has no
            such channel.
    """
    blocks = list(stream_audio(path, channel=channel))
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def stream_audio(path: str | Path, *, channel: int | None = None) -> Iterator[Waveform]:
    """Yield what ``read_audio`` returns in blocks of some seconds, in memory that does not grow with the recording.

    Raises:
        XlplError: as ``read_audio``; what is wrong at the end is found when the blocks before it have been given.
    """
    empty = True
    mono = (Block(_mono(block.samples, channel, path), block.rate) for block in decode(path))
    for rate, run in groupby(mono, key=lambda block: block.rate):
        for samples in _resampled((block.samples for block in run), rate):
            if samples.size:
                empty = False
                yield samples
    if empty:
        raise XlplError("no samples", file=path, expected="a recording", remedy="leave the file out")


def _mono(samples: Waveform, channel: int | None, path: str | Path) -> Waveform:
    """Return (T,) of a (T, channels) block."""
    channels = samples.shape[1]
    if channel is not None and not 0 <= channel < channels:
        raise XlplError(f"no channel {channel}", file=path, expected=f"0 to {channels - 1}: it has {channels} channels")
    if channel is None and channels > 1:
        mono = samples.mean(axis=1, dtype=np.float32)
        energies = np.array([np.dot(one, one) for one in samples.T])
        if np.dot(mono, mono) < _CANCELLED * energies.max() / channels**2:
            mono = samples[:, np.argmax(energies > _LOUD * energies.max())]
    else:
        mono = samples[:, channel or 0]
    if not np.isfinite(mono).all():
        raise XlplError(
            "holds NaN or infinite samples", file=path, expected="finite samples", remedy="export the recording again"
        )
    return np.ascontiguousarray(mono)


def _resampled(blocks: Iterator[Waveform], rate: int) -> Iterator[Waveform]:
    """Bring blocks of one rate to 16 kHz; the filter runs on from block to block."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
