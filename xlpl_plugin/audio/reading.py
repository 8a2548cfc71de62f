"""Any recording as a 16 kHz mono float32 array, and prepared recordings as 16-bit FLAC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, must_exist

Waveform = npt.NDArray[np.float32]

# libsndfile reads these; a file that merely fails to open must not be guessed at by another decoder
_SNDFILE_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64"}
)
AUDIO_SUFFIXES = _SNDFILE_SUFFIXES | {".g722", ".m4a", ".mp4", ".aac", ".webm", ".wma"}
# a stream written to a pipe cannot know its length: such sizes in a WAV header are no sign of a truncated file
_UNKNOWN_SIZES = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})
_SHORT_DATA = re.compile(r"^data\s*:\s*(\d+) \(should be", re.MULTILINE)


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says; ``frames`` are samples a channel."""

    rate: int
    channels: int
    frames: int


def audio_info(path: str | Path) -> AudioInfo:
    """Read the header of a file that libsndfile knows (not raw G.722), without decoding it.

    Raises:
        XlplError: the file is missing, empty, truncated or not audio.
    """
    path = _nonempty(path)
    try:
        info = soundfile.info(str(path), verbose=True)
    except soundfile.LibsndfileError as error:
        raise _undecodable(path, error) from error
    _reject_truncated(path, info)
    return AudioInfo(int(info.samplerate), int(info.channels), int(info.frames))


def read_audio(path: str | Path) -> Waveform:
    """Decode wav, flac, ogg, mp3, raw g722 and whatever else libsndfile or FFmpeg reads.

    Channels are averaged, other rates resampled.

    Returns:
        (T,) float32 at 16 kHz, full scale = 1.

    Raises:
        XlplError: the file is missing, zero-length, truncated, corrupt, not audio, or holds NaN or infinity.
    """
    path = _nonempty(path)
    waveform = _read_sndfile(path) if path.suffix.lower() in _SNDFILE_SUFFIXES else _read_ffmpeg(path)
    if waveform.size == 0:
        raise XlplError("no samples", file=path, expected="a recording", remedy="leave the file out")
    if not np.isfinite(waveform).all():
        raise XlplError(
            "holds NaN or infinite samples", file=path, expected="finite samples", remedy="export the recording again"
        )
    return waveform


def write_audio(path: str | Path, waveform: Waveform) -> None:
    """Write a (T,) float32 waveform at 16 kHz as 16-bit FLAC, whole or not at all; what is too loud is clipped."""
    if waveform.ndim != 1 or waveform.size == 0 or not np.isfinite(waveform).all():
        raise XlplError(
            f"cannot write an array of shape {waveform.shape}", file=path, expected="(T,) finite samples, T > 0"
        )
    with atomic_open(path, "wb") as stream:
        soundfile.write(stream, np.clip(waveform, -1.0, 1.0), SAMPLE_RATE, format="FLAC", subtype="PCM_16")


def _nonempty(path: str | Path) -> Path:
    path = must_exist(path, "an audio file")
    if not path.is_file():
        raise XlplError("not a file", file=path, expected="an audio file")
    if path.stat().st_size == 0:
        raise XlplError("zero-length file", file=path, expected="audio", remedy="leave the file out, or fetch it again")
    return path


def _read_sndfile(path: Path) -> Waveform:
    info = audio_info(path)
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise _undecodable(path, error) from error
    if len(samples) < info.frames:
        raise _truncated(path, f"{len(samples)} of {info.frames} samples can be decoded")
    mono = samples.mean(axis=1, dtype=np.float32)
    if rate == SAMPLE_RATE or mono.size == 0:
        return np.ascontiguousarray(mono)
    return np.asarray(soxr.resample(mono, rate, SAMPLE_RATE), dtype=np.float32)


def _read_ffmpeg(path: Path) -> Waveform:
    # raw G.722 has no header: FFmpeg is told the format, and 16 kHz mono follows from it
    forced = "g722" if path.suffix.lower() == ".g722" else None
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts: list[npt.NDArray[Any]] = []
    try:
        with av.open(str(path), format=forced) as container:
            if not container.streams.audio:
                raise XlplError("holds no audio stream", file=path, expected="an audio file")
            for frame in container.decode(container.streams.audio[0]):
                parts += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            if parts:
                parts += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    except av.FFmpegError as error:
        raise _undecodable(path, error) from error
    return np.concatenate(parts).astype(np.float32, copy=False) if parts else np.zeros(0, np.float32)


def _reject_truncated(path: Path, info: Any) -> None:
    short = _SHORT_DATA.search(str(info.extra_info))
    if short and int(short.group(1)) not in _UNKNOWN_SIZES:
        raise _truncated(path, f"its header promises {short.group(1)} bytes of samples")
    if info.format == "OGG" and not _ogg_is_whole(path.read_bytes()):
        raise _truncated(path, "the Ogg stream has no end")


def _ogg_is_whole(content: bytes) -> bool:
    """Say whether the last Ogg page is complete and ends the stream; libsndfile just stops at the last whole one."""
    position, flags = 0, 0
    while content[position : position + 4] == b"OggS" and position + 27 <= len(content):
        flags, segments = content[position + 5], content[position + 26]
        position += 27 + segments + sum(content[position + 27 : position + 27 + segments])
    return position <= len(content) and bool(flags & 4)


def _truncated(path: Path, detail: str) -> XlplError:
    return XlplError(
        f"truncated or corrupt: {detail}", file=path, expected="a whole recording", remedy="fetch or export it again"
    )


def _undecodable(path: Path, error: Exception) -> XlplError:
    return XlplError(
        f"cannot be decoded: {error}",
        file=path,
        expected="an intact wav, flac, ogg, mp3 or raw g722 file",
        remedy="check the extension, or fetch or convert the file again",
    )
