"""Pages of Ogg (RFC 3533): where its streams begin and end, and their serial numbers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from xlpl_plugin.audio.lengths import Content

# with the version of the form
_MARK = b"OggS\0"
_BEGINS, _ENDS = 2, 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class Link:
    """One of the recordings that an Ogg file holds one after another, bytes ``start`` to ``end``.

    ``codecs`` are the first bytes of each stream that runs in it; ``whole`` says whether its last page is the last
    of a stream.
    """

    start: int
    end: int
    codecs: list[bytes]
    whole: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is one stream of Opus or Vorbis and nothing else."""
        return len(self.codecs) == 1 and self.codecs[0].startswith((b"OpusHead", b"\x01vorbis"))


def links(content: Content) -> list[Link]:
    """Divide Ogg into the recordings that follow one another; a decoder that knows of one stops behind the first."""
    found: list[Link] = []
    last_flags = 0
    for start, body, end, flags in _pages(content):
        if flags & _BEGINS and (not found or not last_flags & _BEGINS):
            found.append(Link(start, end, [], False))
        if found:
            found[-1].end = end
            found[-1].whole = bool(flags & _ENDS) and end <= len(content)
            if flags & _BEGINS:
                found[-1].codecs.append(bytes(content[body : body + 8]))
        last_flags = flags
    return found


def with_serial(content: bytes, serial: int) -> bytes:
    """Return Ogg of one stream with this serial number; libsndfile draws one, so that equal audio gives other bytes."""
    pages = []
    for start, _, end, _ in _pages(content):
        page = bytearray(content[start:end])
        page[14:18], page[22:26] = struct.pack("<I", serial), bytes(4)
        page[22:26] = struct.pack("<I", _checksum(page))
        pages.append(bytes(page))
    return b"".join(pages)


def _pages(content: Content) -> Iterator[tuple[int, int, int, int]]:
    """Yield (start, start of the body, end, flags) of each page.

    The end of a cut page lies behind the file's, or behind the mark of a page of another file: then it ends nothing.
    """
    position = content.find(_MARK)
    while position >= 0 and position + 27 <= len(content):
        flags, segments = content[position + 5], content[position + 26]
        body = position + 27 + segments
        end = body + sum(content[position + 27 : body])
        inside = content.find(_MARK, body, end)
        yield position, body, end, flags if inside < 0 else flags & ~_ENDS
        position = content.find(_MARK, end if inside < 0 else inside)


def _checksum(page: bytearray) -> int:
    """Return Ogg's CRC-32: zlib's polynomial with the bits of each byte in the other order, from 0, not inverted."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
