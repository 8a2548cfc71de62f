"""How many bytes of samples a file's header promises, and what of them is there.

A header can say more than there is for three reasons. The file was cut off: an error. It was written to a pipe, so that
the size could not be known: the writer left 0, -1, or about the largest size there is. Or the writer counted wrongly,
mostly its own header with the samples: then the excess is that of a header.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.errors import XlplError

# a file that was read whole, or one that is mapped into memory
Content = bytes | mmap.mmap

# a header of RIFF has 44 to 58 bytes; of 16 kHz speech 64 bytes are 2 ms, and no transfer breaks off so near the end
_MISCOUNT = 64
# pipes get 0x7FFFF000 (sox, espeak), 0x7FFFFFFF, 0x80000000 (arecord), 0xFFFFFFFF (FFmpeg), with or without the header
_NEAR_LIMIT = 1 << 16
_LIMITS = (1 << 31, 1 << 32, 1 << 63, 1 << 64)
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


@dataclass(frozen=True)
class SampleBytes:
    """The part of a file that holds its samples.

    ``size`` is what the header says, ``available`` what lies behind the start; ``known`` is false where the header
    says a size that cannot be. ``field`` and ``form`` (of ``struct``) are where the size is written, and how;
    ``counted`` is what the written size counts beyond the samples.
    """

    size: int
    available: int
    known: bool
    field: int
    form: str
    counted: int = 0

    @property
    def missing(self) -> int:
        excess = self.size - self.available
        return excess if self.known and excess > _MISCOUNT else 0

    def corrected(self) -> tuple[int, bytes]:
        """Return the position and bytes of a size that is right."""
        return self.field, struct.pack(self.form, self.available + self.counted)


def sample_bytes(content: Content) -> SampleBytes | None:
    """Find the samples of WAV, RF64, W64, AIFF, CAF, AU and NIST Sphere; None where there are none."""
    if content[:4] == b".snd" and len(content) >= 24:
        start, size = struct.unpack_from(">II", content, 4)
        return _sized(content, size, start, 8, ">I")
    if content[:7] == b"NIST_1A":
        return _sphere(content)
    for name, position, size, start, form in _chunks(content):
        if name in (b"data", b"SSND"):
            if content[:4] == b"RF64":
                return _rf64(content, start)
            counted = 24 if content[:4] == b"riff" else 0
            return _sized(content, size, start, position, form, counted)
    return None


def missing_container_bytes(content: Content) -> int:
    """Return how many bytes MP4, Matroska, AVI or ASF lacks by its own account; 0 where it does not say."""
    if content[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        end = max(_box_ends(content), default=0)
    elif content[:4] == b"\x1a\x45\xdf\xa3":
        end = _segment_end(content)
    elif content[:4] == b"RIFF":
        end = max((start + size for name, _, size, start, _ in _chunks(content) if name == b"LIST"), default=0)
    else:
        properties = content.find(_ASF_PROPERTIES, 0, 4096) if content[:4] == b"\x30\x26\xb2\x75" else -1
        end = int(struct.unpack_from("<Q", content, properties + 40)[0]) if properties >= 0 else 0
    return 0 if _cannot_be(end, len(content)) else max(0, end - len(content))


def truncated(path: Path, detail: str) -> XlplError:
    """Return the error about a file of which a part is missing."""
    return XlplError(
        f"truncated or corrupt: {detail}", file=path, expected="a whole recording", remedy="fetch or export it again"
    )


def _sized(content: Content, size: int, start: int, field: int, form: str, counted: int = 0) -> SampleBytes:
    available = max(0, len(content) - start)
    known = not _cannot_be(size, available)
    if content[:4] == b"RIFF":
        known = _is_chunk(content, start) if size == 0 else known and _all_counted(content, start, size)
    return SampleBytes(size, available, known, field, form, counted)


def _cannot_be(size: int, available: int) -> bool:
    return size <= 0 or (size > available and any(abs(size - limit) <= _NEAR_LIMIT for limit in _LIMITS))


def _all_counted(content: Content, start: int, size: int) -> bool:
    """Say whether what lies behind the samples is the end, a chunk, a tag or padding, and no further samples."""
    for end in (start + size, start + size + size % 2):  # some writers forget the byte that fills up an odd size
        name = bytes(content[end : end + 4])
        if len(content) - end <= _MISCOUNT or name[:3] == b"ID3" or not any(name) or _is_name(name):
            return True
    return False


def _is_chunk(content: Content, position: int) -> bool:
    """Say whether a chunk of RIFF stands here that ends inside the file."""
    head = bytes(content[position : position + 8])
    return len(head) == 8 and _is_name(head[:4]) and position + 8 + int.from_bytes(head[4:], "little") <= len(content)


def _is_name(name: bytes) -> bool:
    return name.isascii() and name.decode().isprintable()


def _rf64(content: Content, start: int) -> SampleBytes | None:
    for name, _, _, begin, _ in _chunks(content):
        if name == b"ds64":
            size = struct.unpack_from("<Q", content, begin + 8)[0]
            return _sized(content, size, start, begin + 8, "<Q")
    return None


def _sphere(content: Content) -> SampleBytes | None:
    """Read the text header of NIST Sphere: its own length on the second line, then "name -i value" lines."""
    try:
        start = int(content[8:16])
        fields = dict(line.split()[::2] for line in bytes(content[16:start]).splitlines() if len(line.split()) == 3)
        size = int(fields[b"sample_count"]) * int(fields[b"channel_count"]) * int(fields[b"sample_n_bytes"])
    except (KeyError, ValueError):
        return None
    if size <= 0 or b"," in fields.get(b"sample_coding", b""):  # compressed: the size is that of the sound
        return None
    return SampleBytes(size, len(content) - start, True, 0, "")


def _chunks(content: Content) -> Iterator[tuple[bytes, int, int, int, str]]:
    """Yield (name, position of the size, size, start, form of the size) of the chunks of RIFF, AIFF, W64 and CAF."""
    heads = {b"RIFF": "<I", b"RF64": "<I", b"RIFX": ">I", b"FORM": ">I", b"caff": ">q", b"riff": "<Q"}
    magic = bytes(content[:4])
    if magic not in heads:
        return
    form, wide = heads[magic], magic == b"riff"
    position, name_size, align = {b"caff": (8, 4, 1), b"riff": (40, 16, 8)}.get(magic, (12, 4, 2))
    while position + name_size + struct.calcsize(form) <= len(content):
        field = position + name_size
        start = field + struct.calcsize(form)
        size = struct.unpack_from(form, content, field)[0] - (24 if wide else 0)
        yield bytes(content[position : position + 4]), field, size, start, form
        position = start + max(0, size + -size % align)


def _box_ends(content: Content) -> Iterator[int]:
    """Yield where each box of an MP4 says that it ends; a box of size 0 goes to the end of the file."""
    position = 0
    while position + 8 <= len(content):
        size = struct.unpack_from(">I", content, position)[0]
        if size == 1 and position + 16 <= len(content):
            size = struct.unpack_from(">Q", content, position + 8)[0]
        if size < 8 or not content[position + 4 : position + 8].isalnum():
            return
        position += size
        yield position


def _segment_end(content: Content) -> int:
    """Return where the segment of Matroska ends, 0 if it does not say (as from a pipe)."""
    position = content.find(b"\x18\x53\x80\x67", 0, 4096) + 4
    if position < 4 or position >= len(content) or not content[position]:
        return 0
    length = 9 - content[position].bit_length()
    size = int.from_bytes(content[position : position + length], "big") & ((1 << 7 * length) - 1)
    return 0 if size == (1 << 7 * length) - 1 else position + length + size
