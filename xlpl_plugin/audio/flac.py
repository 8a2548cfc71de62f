"""Native FLAC (RFC 9639): where its streams begin, and whether a stream is as long as its header says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from xlpl_plugin.audio.lengths import Content

# the mark of a stream, then a metadata block of type 0 (the last or not) and 34 bytes: STREAMINFO
_MARK = b"fLaC"
_STREAMINFO = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")
_STREAMINFO_END = 42
_SHORTEST_HEADER, _LONGEST_HEADER = 6, 16
# above the largest frame that encoders make of speech, with a tag behind it
_TAIL = 1 << 17


@dataclass(frozen=True)
class FlacStream:
    """One of the recordings in a FLAC file, bytes ``start`` to ``end``; ``samples`` is its own account, 0 = unknown.

    ``proven`` says that its last frame ends where the header says that the recording does.
    """

    start: int
    end: int
    samples: int
    proven: bool


def flac_streams(content: Content) -> list[FlacStream]:
    """Divide FLAC into the recordings that follow one another; libFLAC stops where the first header says."""
    ends = [*_starts(content), len(content)]
    return [_stream(content, start, end) for start, end in pairwise(ends)]


def _starts(content: Content) -> Iterator[int]:
    position = -1
    while (position := content.find(_MARK, position + 1)) >= 0:
        if content[position + 4 : position + 8] in _STREAMINFO:
            yield position


def _stream(content: Content, start: int, end: int) -> FlacStream:
    samples = int.from_bytes(content[start + 21 : start + 26], "big") & ((1 << 36) - 1)
    return FlacStream(start, end, samples, samples > 0 and samples in _frame_ends(content, start, end))


def _frame_ends(content: Content, start: int, end: int) -> Iterator[int]:
    """Yield, from the end of the file backwards, the number of the sample behind whatever looks like a frame.

    Samples too can look like one, so what the last frame says is somewhere among these.
    """
    block_size = int.from_bytes(content[start + 10 : start + 12], "big")
    floor = max(start + _STREAMINFO_END, end - _TAIL)
    tail = bytes(content[floor:end])
    position = len(tail)
    while (position := tail.rfind(b"\xff", 0, position)) >= 0:
        if tail[position + 1 : position + 2] in (b"\xf8", b"\xf9") and (
            last := _frame_end(tail[position:], block_size)
        ):
            yield last


def _frame_end(frame: bytes, block_size: int) -> int | None:
    """Read a frame's header: the number of the sample behind it, None where the checksum says that it is none."""
    if len(frame) < _SHORTEST_HEADER:
        return None
    size_code, rate_code = frame[2] >> 4, frame[2] & 15
    if size_code == 0 or rate_code == 15 or frame[4] == 0xFF:  # reserved, or no number of a frame
        return None
    coded = max(1, 8 - (frame[4] ^ 0xFF).bit_length())  # bytes of a number written as in UTF-8
    number = frame[4] & (0x7F if coded == 1 else (1 << 7 - coded) - 1)
    for byte in frame[5 : 4 + coded]:
        number = number << 6 | byte & 0x3F
    position = 4 + coded
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    size = int.from_bytes(frame[position : position + size_bytes], "big") + 1 if size_bytes else _block(size_code)
    position += size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if frame[position : position + 1] != bytes([_crc8(frame[:position])]):
        return None
    return (number if frame[1] & 1 else number * block_size) + size


def _block(code: int) -> int:
    """Return the samples in a frame of RFC 9639's table 14."""
    return 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8


def _crc8(content: bytes) -> int:
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07) & 0xFF if value & 0x80 else value << 1
    return value
