"""Writers of recordings as people have them: every form that FFmpeg or libsndfile can write, and bytes by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile

Array = npt.NDArray[np.float32]


def speech(rate: int = 16_000, seconds: float = 3.0) -> Array:
    """A voiced sweep with a syllable's rise and fall: no stretch of it is like another."""
    time = np.arange(int(seconds * rate)) / rate
    envelope = 0.55 - 0.45 * np.cos(2 * np.pi * 3.1 * time)
    phase = 2 * np.pi * (150 * time + 200 * time**2 / seconds)
    wave = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.3 * np.sin(3 * phase)
    return (0.25 * envelope * wave).astype(np.float32)


def encode(
    path: Path,
    waveform: Array,
    *,
    rate: int,
    codec: str,
    form: str,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    bit_rate: int | None = None,
) -> None:
    """Write (T,) or (channels, T) samples by FFmpeg."""
    planes = np.ascontiguousarray(np.atleast_2d(waveform), dtype=np.float32)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(planes)]
    with av.open(str(path), "w", format=form, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options=codec_options or {})
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate
        for piece in av.AudioResampler(format=stream.format, layout=layout, rate=rate).resample(frame):
            container.mux(stream.encode(piece))
        # the last packet of FLAC is empty, and not every form takes it
        container.mux([packet for packet in stream.encode(None) if packet.size])


def sound(path: Path, waveform: Array, rate: int, form: str, subtype: str, endian: str = "FILE") -> None:
    """Write by libsndfile, whatever the path's suffix."""
    soundfile.write(str(path), waveform, rate, format=form, subtype=subtype, endian=endian)


def mp3(path: Path, *, rate: int = 44_100, seconds: float = 3.0, **options: str) -> bytes:
    """Write MP3 by LAME; ``quality`` makes it VBR, the others are those of FFmpeg's muxer. Returns the bytes."""
    quality = options.pop("quality", None)
    codec_options = {"q": quality} if quality else {"b": "48000"}
    encode(
        path,
        speech(rate, seconds),
        rate=rate,
        codec="libmp3lame",
        form="mp3",
        options=options,
        codec_options=codec_options,
    )
    return path.read_bytes()


def id3(size: int = 20_000, seed: int = 3, text: bytes = b"") -> bytes:
    """An ID3v2.3 tag of so many bytes with a title and a picture of random bytes."""
    title = _id3_frame(b"TIT2", b"\0" + text) if text else b""
    picture = _id3_frame(b"APIC", np.random.default_rng(seed).bytes(size - len(title) - 10))
    return b"ID3\x03\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + title + picture


def _id3_frame(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">IH", len(content), 0) + content


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(*chunks: bytes, size: int | None = None) -> bytes:
    """A RIFF file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def pcm_format(rate: int = 16_000) -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16))


def pcm(waveform: Array) -> bytes:
    return (waveform * 32767).round().astype("<i2").tobytes()


def with_data_size(content: bytes, size: int, *, name: bytes = b"data", form: str = "<I") -> bytes:
    """Return a chunked file with another size in the header of its samples."""
    position = content.index(name) + len(name)
    return content[:position] + struct.pack(form, size) + content[position + struct.calcsize(form) :]
