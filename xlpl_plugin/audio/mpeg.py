"""Frames of MP3, MP2 and AC-3, as far as FFmpeg does not tell: whole or not, counted or not, what lies between them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from xlpl_plugin.audio.lengths import Content, truncated

# kbit/s by the header's index
_LAYER_III = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LAYER_II = (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_LOW_RATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_AC3_RATES = (32, 40, *_LAYER_II[1:], 448, 512, 576, 640)
_RATES = (44_100, 48_000, 32_000)
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"3DI")
_TAG_HEADER = 10
# fewer bytes behind a tag are another tag, or some frames that need no decoder of their own
_SHORTEST = 1024


def frame_size(head: bytes) -> int:
    """Return the bytes of the frame of Layer II or III, AC-3 or E-AC-3 that begins here; 0 where none does."""
    if head[:2] == b"\x0b\x77" and len(head) > 5:
        return _ac3_frame_size(head)
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in (1, 2) or bit_rate in (0, 15) or rate == 3:
        return 0
    low = version != 3
    kilobits = (_LOW_RATES if low else _LAYER_II if layer == 2 else _LAYER_III)[bit_rate - 1]
    samples = 576 if low and layer == 1 else 1152
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    return samples // 8 * 1000 * kilobits // hertz + (head[2] >> 1 & 1)


def _ac3_frame_size(head: bytes) -> int:
    """Follow ETSI TS 102 366: a table of bit rates and half frames in AC-3, a plain size in E-AC-3."""
    if head[5] >> 3 > 10:
        return 2 * (((head[2] & 7) << 8 | head[3]) + 1)
    rate, code = head[4] >> 6, head[4] & 63
    if rate == 3 or code >= 2 * len(_AC3_RATES):
        return 0
    hertz = (48_000, 44_100, 32_000)[rate]
    return 2 * (_AC3_RATES[code >> 1] * 96_000 // hertz + (code & 1 if rate == 1 else 0))


def joined_files(content: Content) -> list[tuple[int, int]]:
    """Return the bytes (start, end) of the MP3 files that are joined here, each with the ID3v2 tag that it begins with.

    Of AAC the whole is one: its tags stand in the midst of a stream, and FFmpeg knows them.
    """
    starts, position = [0], _leading_tags(content, 0)
    if not frame_size(content[position : position + 4]):
        return [(0, len(content))]
    while (position := content.find(b"ID3", position)) >= 0:
        size = _tag_size(content[position : position + _TAG_HEADER])
        # several tags may stand before one recording, and one behind the last
        is_between = size and position + size + _SHORTEST < len(content)
        if is_between and position > starts[-1] + _leading_tags(content, starts[-1]):
            starts.append(position)
        position += size or 1
    return list(pairwise([*starts, len(content)]))


def counted_samples(content: Content) -> int:
    """Return the least that an MP3 holds by the count in its first frame (Xing, LAME or Fraunhofer); 0 without one.

    Some encoders count the frame of the count itself, others do not.
    """
    start = _leading_tags(content, 0)
    first = bytes(content[start : start + 256])
    samples = 1152 if len(first) > 1 and first[1] >> 3 & 3 == 3 else 576
    place = max(first.find(b"Xing"), first.find(b"Info"))
    if b"VBRI" in first:
        place = first.find(b"VBRI")
        return samples * (int.from_bytes(first[place + 14 : place + 18], "big") - 1)
    if place < 0 or len(first) < place + 144 or not first[place + 7] & 1:
        return 0
    frames = int.from_bytes(first[place + 8 : place + 12], "big")
    # with all four fields of the header LAME's tag follows; silence at both ends, which is cut off, in 12 bits each
    silence = int.from_bytes(first[place + 141 : place + 144], "big") if first[place + 7] & 15 == 15 else 0
    return samples * (frames - 1) - (silence >> 12) - (silence & 0xFFF)


def mpeg_frames(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """Decode packet by packet with FFmpeg.

    Some files have tags between their frames, or bytes of no use before or behind them all: these are passed over.
    Other bytes that are no frame have taken the place of sound.

    Raises:
        av.FFmpegError: bytes that are neither frames nor tags lie between frames, or a frame is damaged.
        XlplError: the last frame is cut off.
    """
    damage, heard, size, stated = None, False, 0, 0
    for packet in container.demux(stream):
        head = bytes(packet)[:16]
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            if frame_size(head) or (len(head) < 4 and head[:1] == b"\xff"):  # a frame, or the first bytes of one
                raise
            damage = damage or (error if heard and not _is_tag(head) else None)
            continue
        if frames:
            if damage:
                raise damage
            heard, size, stated = True, packet.size, frame_size(head)
        yield from frames
    if size < stated:
        raise truncated(path, "its last frame is cut off")


def _is_tag(head: bytes) -> bool:
    """Say whether bytes between frames are a tag or padding."""
    return head.startswith(_TAGS) or not any(head)


def _leading_tags(content: Content, start: int) -> int:
    """Return the bytes of the ID3v2 tags that begin here."""
    position = start
    while size := _tag_size(content[position : position + _TAG_HEADER]):
        position += size
    return position - start


def _tag_size(head: bytes) -> int:
    """Return the bytes of the ID3v2 tag that begins here, 0 where none does; its size has seven bits a byte."""
    if len(head) < _TAG_HEADER or head[:3] != b"ID3" or head[3] not in (2, 3, 4) or head[4] or max(head[6:]) > 127:
        return 0
    footer = _TAG_HEADER if head[5] & 16 else 0
    return _TAG_HEADER + footer + sum(byte << 7 * power for power, byte in enumerate(reversed(head[6:])))
