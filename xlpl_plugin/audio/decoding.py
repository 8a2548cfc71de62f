"""Any recording as blocks of samples at its own rate and with its own channels.

Two decoders share the work. libsndfile is exact and fast, but stops where the first header of a file says, so it gets
what is proven to be one whole stream: PCM files, FLAC and Ogg of one stream, and each stream by itself of files that
hold several. FFmpeg gets all the rest: MP3 always, whose number of samples no header tells for certain.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

from xlpl_plugin.audio.flac import flac_streams
from xlpl_plugin.audio.formats import FFMPEG_FORMS, RAW_FORMS
from xlpl_plugin.audio.lengths import missing_container_bytes, sample_bytes, truncated
from xlpl_plugin.audio.mpeg import counted_samples, joined_files, mpeg_frames
from xlpl_plugin.audio.ogg import links
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist

BLOCK_SECONDS = 10
_PCM = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"riff", b"caff", b".snd", b"NIST")

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """Some seconds of a recording: (T, channels) float32, full scale = 1, ``rate`` samples a second."""

    samples: Samples
    rate: int


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says.

    ``frames`` are samples a channel, None where only decoding tells them. ``seconds`` are about right: of MP3, for
    one, they may be guessed from the bit rate; None where nothing says how long the file is.
    """

    rate: int
    channels: int
    frames: int | None
    seconds: float | None


@dataclass(frozen=True)
class _Part:
    """A stream of a file: ``source`` is what a decoder opens; FFmpeg must find at least ``promised`` samples in it."""

    source: str | io.BufferedIOBase | io.RawIOBase
    by_ffmpeg: bool
    promised: int = 0


def audio_info(path: str | Path) -> AudioInfo:
    """Read the header of a recording without decoding it.

    Raises:
        XlplError: the file is missing, empty, truncated or not audio.
    """
    path = _nonempty(path)
    with _errors(path):
        parts = [_part_info(part, path) for part in _parts(path)]
    first, seconds = parts[0], [part.seconds for part in parts]
    known = [length for length in seconds if length is not None]
    total = sum(known) if len(known) == len(seconds) else None
    return AudioInfo(first.rate, first.channels, first.frames if len(parts) == 1 else None, total)


def _part_info(part: _Part, path: Path) -> AudioInfo:
    if part.by_ffmpeg:
        with _opened(part, path) as (container, stream):
            seconds = None if container.duration is None else container.duration / av.time_base
            return AudioInfo(int(stream.rate), int(stream.channels), None, seconds)
    with _sound(part) as file:
        return AudioInfo(int(file.samplerate), int(file.channels), int(file.frames), file.frames / file.samplerate)


def decode(path: str | Path) -> Iterator[Block]:
    """Decode all that a file holds, in blocks of about ``BLOCK_SECONDS``.

    Raises:
        XlplError: the file is missing, zero-length, truncated, corrupt or not audio. What is wrong at the end is found
            when the blocks before it have been given.
    """
    path = _nonempty(path)
    with _errors(path):
        for part in _parts(path):
            yield from _by_ffmpeg(part, path) if part.by_ffmpeg else _by_libsndfile(part, path)


def _nonempty(path: str | Path) -> Path:
    """Return the path of a file that is there and holds something; raise XlplError otherwise."""
    path = must_exist(path, "an audio file")
    if not path.is_file():
        raise XlplError("not a file", file=path, expected="an audio file")
    if path.stat().st_size == 0:
        raise XlplError("zero-length file", file=path, expected="audio", remedy="leave the file out, or fetch it again")
    return path


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Turn the errors of both decoders, and what the system refuses, into the one that a user reads."""
    try:
        yield
    except (soundfile.LibsndfileError, av.FFmpegError, OSError) as error:
        raise XlplError(
            f"cannot be decoded: {error}",
            file=path,
            expected="an intact recording, such as wav, flac, ogg, mp3, m4a or raw g722",
            remedy="check the extension, or fetch or convert the file again",
        ) from error


class Mapped(mmap.mmap):
    """A file in memory.

    Python before 3.11.4, such as Debian 12's, reads a byte behind the last that ``mmap.find`` searches
    (github.com/python/cpython/issues/105235): behind a file of whole pages lies memory that may be nobody's.
    """

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        """Search as ``bytes.find`` does, from 0 or later; the last byte is compared by itself."""
        size = len(self)
        stop = size if end is None else min(end, size)
        place = super().find(sub, start, min(stop, size - 1))
        if place < 0 and stop == size and self[max(start, size - len(sub)) :] == sub:
            return size - len(sub)
        return place


def _parts(path: Path) -> list[_Part]:
    with path.open("rb") as stream, Mapped(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        magic = content[:4]
        if magic == b"OggS":
            return _ogg_parts(path, content)
        if magic == b"fLaC" or (magic[:3] == b"ID3" and path.suffix.lower() == ".flac"):
            return _flac_parts(path, content)
        if magic in _PCM and content[8:12] != b"AVI ":
            return [_pcm_part(path, content)]
        if magic[:3] == b"ID3" or magic[:2] >= b"\xff\xe0":
            return _mpeg_parts(path, content)
        if missing := missing_container_bytes(content):
            raise truncated(path, f"its header promises {missing} more bytes")
        return [_Part(_url(path), by_ffmpeg=True)]


def _ogg_parts(path: Path, content: mmap.mmap) -> list[_Part]:
    found = links(content)
    if not found or not all(link.whole for link in found):
        raise truncated(path, "the Ogg stream has no end")
    if not all(link.is_plain for link in found):
        return [_Part(_url(path), by_ffmpeg=True)]
    if len(found) == 1:
        return [_Part(str(path), by_ffmpeg=False)]
    return [_Part(io.BytesIO(content[link.start : link.end]), by_ffmpeg=False) for link in found]


def _flac_parts(path: Path, content: mmap.mmap) -> list[_Part]:
    streams = flac_streams(content)
    if len(streams) < 2:
        if streams and streams[0].proven:
            return [_Part(str(path), by_ffmpeg=False)]
        return [_Part(_url(path), by_ffmpeg=True, promised=streams[0].samples if streams else 0)]
    parts = [(io.BytesIO(content[stream.start : stream.end]), stream) for stream in streams]
    return [_Part(source, by_ffmpeg=not stream.proven, promised=stream.samples) for source, stream in parts]


def _mpeg_parts(path: Path, content: mmap.mmap) -> list[_Part]:
    """Open MP3, or whatever else stands behind a tag as MP3 has it; of joined files each by itself."""
    found = joined_files(content)
    if len(found) < 2:
        return [_Part(_url(path), by_ffmpeg=True, promised=counted_samples(content))]
    files = [content[start:end] for start, end in found]
    return [_Part(io.BytesIO(file), by_ffmpeg=True, promised=counted_samples(file)) for file in files]


def _pcm_part(path: Path, content: mmap.mmap) -> _Part:
    """Open what libsndfile knows; a size that cannot be is replaced by what is there."""
    found = sample_bytes(content)
    if found and found.missing:
        raise truncated(path, f"its header promises {found.size} bytes of samples, {found.available} are there")
    if found and not found.known and found.available:
        return _Part(_Corrected(path, *found.corrected()), by_ffmpeg=False)
    return _Part(str(path), by_ffmpeg=False) if _knows(path) else _Part(_url(path), by_ffmpeg=True)


def _knows(path: Path) -> bool:
    """Say whether libsndfile reads what is in a form that it knows; its count of MP3 in WAV is a guess as well."""
    try:
        return not soundfile.info(str(path)).subtype.startswith("MPEG")
    except soundfile.LibsndfileError:
        return False


class _Corrected(io.FileIO):
    """A file in which some bytes are read as others."""

    def __init__(self, path: Path, position: int, replacement: bytes) -> None:
        super().__init__(path)
        self._position, self._replacement = position, replacement

    def readinto(self, buffer: Any) -> int:
        start = self.tell()
        count = super().readinto(buffer) or 0
        for position, byte in enumerate(self._replacement, self._position):
            if start <= position < start + count:
                memoryview(buffer).cast("B")[position - start] = byte
        return count


def _url(path: Path) -> str:
    """Return a path as FFmpeg takes it: without this, "12:30.mp3" has the protocol "12"."""
    return f"file:{path}"


@contextmanager
def _sound(part: _Part) -> Iterator[Any]:
    with nullcontext() if isinstance(part.source, str) else part.source, soundfile.SoundFile(part.source) as file:
        yield file


def _by_libsndfile(part: _Part, path: Path) -> Iterator[Block]:
    with _sound(part) as file:
        size, seen = BLOCK_SECONDS * file.samplerate, 0
        while seen < file.frames:
            samples = file.read(size, dtype="float32", always_2d=True)
            seen += len(samples)
            yield Block(samples, int(file.samplerate))
            if len(samples) < size and seen < file.frames:
                raise truncated(path, f"{seen} of {file.frames} samples can be decoded")


@contextmanager
def _opened(part: _Part, path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a file by FFmpeg; give the container and its first audio stream, pictures and films aside."""
    form = RAW_FORMS.get(path.suffix.lower())
    # tags are not always UTF-8, as their form asks
    options = {"format_whitelist": FFMPEG_FORMS}
    with av.open(part.source, format=form, options=options, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise XlplError("holds no audio stream", file=path, expected="an audio file")
        if container.streams.audio[0].codec_context is None:
            raise XlplError("cannot be decoded: its codec is unknown", file=path, remedy="convert it, e.g. to FLAC")
        yield container, container.streams.audio[0]


def _by_ffmpeg(part: _Part, path: Path) -> Iterator[Block]:
    with _opened(part, path) as (container, stream):
        seen, frames = 0, mpeg_frames if container.format.name in ("mp3", "ac3", "eac3") else _frames
        for block in _gathered(frames(container, stream, path)):
            seen += len(block.samples)
            yield block
        if seen < part.promised:
            raise truncated(path, f"{seen} of {part.promised} samples can be decoded")


def _gathered(frames: Iterable[Any]) -> Iterator[Block]:
    """Join FFmpeg's short frames to blocks, each of one rate, one number of channels and one sample format."""
    for (rate, channels, planar, _, _), run in groupby(frames, key=_Grouping()):
        values = np.concatenate([frame.to_ndarray() for frame in run], axis=1)
        yield Block(_float(values.T if planar else values.reshape(-1, channels)), rate)


class _Grouping:
    """The key of the block that a frame belongs to."""

    def __init__(self) -> None:
        self._samples = 0

    def __call__(self, frame: Any) -> tuple[int, int, bool, str, int]:
        block = self._samples // (BLOCK_SECONDS * frame.rate)
        self._samples += frame.samples
        return frame.rate, frame.layout.nb_channels, frame.format.is_planar, frame.format.name, block


def _float(values: npt.NDArray[Any]) -> Samples:
    """Return samples of any type as float32, full scale = 1."""
    if values.dtype.kind == "f":
        return values.astype(np.float32, copy=False)
    bits = 8 * values.dtype.itemsize - 1
    middle = 1 << bits if values.dtype.kind == "u" else 0
    return ((values.astype(np.float64) - middle) / (1 << bits)).astype(np.float32)


def _frames(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise truncated(path, "its last packet is cut off")
        yield from packet.decode()
