"""Recordings as they come: in what forms, how damaged, and what is to be heard of each or why it is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from support import recordings as make
from support.recordings import chunk, encode, mp3, pcm, pcm_format, sound, speech, wav, with_data_size

# codecs for telephones leave less of a sound than these
LIKE = 0.97


@dataclass(frozen=True)
class Holds:
    """The recording, ``copies`` times; ``exact``: no sample more or less. ``like``: least correlation with it."""

    copies: int = 1
    exact: bool = False
    like: float = LIKE


@dataclass(frozen=True)
class Refused:
    problem: str


Writer = Callable[[Path], object]
Case = tuple[str, Writer, Holds | Refused]


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def by_ffmpeg(codec: str, form: str, rate: int, **options: object) -> Writer:
    return lambda path: encode(path, speech(rate), rate=rate, codec=codec, form=form, **options)  # type: ignore[arg-type]


def by_sndfile(form: str, subtype: str, rate: int = 16_000, endian: str = "FILE") -> Writer:
    return lambda path: sound(path, speech(rate), rate, form, subtype, endian)


def then(writer: Writer, change: Callable[[bytes], bytes]) -> Writer:
    """Write, then change the bytes."""

    def write(path: Path) -> None:
        writer(path)
        rewrite(path, change)

    return write


def twice(content: bytes) -> bytes:
    return content * 2


def cut(content: bytes) -> bytes:
    return content[: len(content) * 6 // 10 + 3]


def overwritten(content: bytes) -> bytes:
    return content[:8000] + np.random.default_rng(1).bytes(3000) + content[11_000:]


def channels(count: int, form: str = "WAV") -> Writer:
    return lambda path: sound(path, np.tile(speech()[:, None], (1, count)), 16_000, form, "PCM_16")


def in_mp3(change: Callable[[bytes], bytes] = bytes, **options: str) -> Writer:
    return lambda path: path.write_bytes(change(mp3(path, **options)))


def counted(frames: int) -> Callable[[bytes], bytes]:
    """Return a change of the number of frames that the first frame tells."""

    def change(content: bytes) -> bytes:
        place = max(content.find(b"Xing"), content.find(b"Info")) + 8
        return content[:place] + struct.pack(">I", frames) + content[place + 4 :]

    return change


def flac_total(samples: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:21] + bytes([content[21] & 0xF0]) + struct.pack(">I", samples) + content[26:]


def two_rates(codec: str, form: str) -> Writer:
    def write(path: Path) -> None:
        parts = []
        for rate in (44_100, 16_000):
            encode(path, speech(rate), rate=rate, codec=codec, form=form)
            parts.append(path.read_bytes())
        path.write_bytes(b"".join(parts))

    return write


def two_rates_sndfile(form: str, subtype: str) -> Writer:
    def write(path: Path) -> None:
        parts = []
        for rate in (48_000, 16_000):
            sound(path, speech(rate), rate, form, subtype)
            parts.append(path.read_bytes())
        path.write_bytes(b"".join(parts))

    return write


def raw_gsm(path: Path) -> None:
    soundfile.write(str(path), speech(8000), 8000, format="RAW", subtype="GSM610", endian="FILE")


def data(content: bytes = pcm(speech())) -> bytes:
    return chunk(b"data", content)


def plain(*chunks: bytes) -> Writer:
    return lambda path: path.write_bytes(wav(*chunks))


def eight_bit() -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 16_000, 1, 8))


def sized(size: int, **header: object) -> Writer:
    return then(by_sndfile("WAV", "PCM_16"), lambda content: with_data_size(content, size, **header))  # type: ignore[arg-type]


EIGHT = (speech() * 127 + 128).round().astype(np.uint8).tobytes()
RATES = (8000, 11_025, 22_050, 44_100, 48_000, 96_000)
PLAYLIST = "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
WHOLE = len(pcm(speech()))
EXACT = Holds(exact=True)
TWICE = Holds(copies=2)
LISTED = chunk(b"LIST", b"INFO" + chunk(b"ISFT", b"Lavf60.16.100\0"))

CASES: list[Case] = [
    # MP3
    ("cbr.mp3", in_mp3(), EXACT),
    ("vbr.mp3", in_mp3(quality="5"), EXACT),
    ("cbr-no-count.mp3", in_mp3(write_xing="0", id3v2_version="0"), Holds()),
    ("vbr-no-count.mp3", in_mp3(write_xing="0", quality="3"), Holds()),
    ("16k.mp3", in_mp3(rate=16_000), EXACT),
    ("id3v1.mp3", in_mp3(write_id3v1="1"), EXACT),
    ("picture.mp3", in_mp3(lambda content: make.id3() + content, id3v2_version="0"), EXACT),
    ("latin-1-tag.mp3", in_mp3(lambda content: content + b"TAG" + b"M\xfcnchen \xff\xfe".ljust(125)), EXACT),
    ("broken-tag.mp3", in_mp3(lambda content: make.id3(120, text=b"\xff\xfe\xe9") + content), EXACT),
    ("two-tags.mp3", in_mp3(lambda content: make.id3() + make.id3(seed=4) + content), EXACT),
    ("tag-behind.mp3", in_mp3(lambda content: content + make.id3(300)), EXACT),
    ("joined.mp3", in_mp3(lambda content: content * 3, id3v2_version="0"), Holds(copies=3)),
    ("joined-no-count.mp3", in_mp3(twice, write_xing="0", id3v2_version="0"), TWICE),
    ("joined-tags.mp3", in_mp3(lambda content: content * 3), Holds(copies=3, exact=True)),
    ("tags-behind.mp3", in_mp3(lambda c: c + make.id3(3000) + b"TAG".ljust(128)), Holds()),
    ("tags-inside.aac", then(by_ffmpeg("aac", "adts", 44_100), lambda c: (make.id3(80) + c) * 2), TWICE),
    ("joined-id3v1.mp3", in_mp3(twice, write_id3v1="1"), Holds(copies=2, exact=True)),
    (
        "joined-pictures.mp3",
        in_mp3(lambda content: (make.id3() + content) * 2, id3v2_version="0"),
        Holds(copies=2, exact=True),
    ),
    ("joined-rates.mp3", two_rates("libmp3lame", "mp3"), Holds(copies=2, exact=True)),
    # FFmpeg takes the silence of the end off where the count says that the end is
    ("count-too-small.mp3", in_mp3(counted(40)), Holds(like=0.7)),
    ("count-too-large.mp3", in_mp3(counted(400)), Refused("truncated")),
    ("zeros-behind.mp3", in_mp3(lambda content: content + bytes(3000)), Holds()),
    ("cut.mp3", in_mp3(cut), Refused("truncated")),
    ("cut-no-count.mp3", in_mp3(cut, write_xing="0"), Refused("truncated")),
    (
        "overwritten.mp3",
        in_mp3(lambda c: c[:8000] + np.random.default_rng(1).bytes(3000) + c[11_000:]),
        Refused("cannot be decoded"),
    ),
    ("layer-2.mp2", by_ffmpeg("mp2", "mp2", 44_100), Holds()),
    ("layer-2.mpga", by_ffmpeg("mp2", "mp2", 44_100), Holds()),
    ("cut.mp2", then(by_ffmpeg("mp2", "mp2", 44_100), cut), Refused("cannot be decoded|truncated")),
    # AAC and its containers
    ("adts.aac", by_ffmpeg("aac", "adts", 44_100), Holds()),
    ("joined.aac", then(by_ffmpeg("aac", "adts", 44_100), twice), TWICE),
    ("joined-rates.aac", two_rates("aac", "adts"), TWICE),
    ("cut.aac", then(by_ffmpeg("aac", "adts", 44_100), cut), Refused("cannot be decoded|truncated")),
    ("aac.m4a", by_ffmpeg("aac", "ipod", 44_100), Holds()),
    ("book.m4b", by_ffmpeg("aac", "ipod", 22_050), Holds()),
    ("alac.m4a", by_ffmpeg("alac", "ipod", 44_100), EXACT),
    ("film.mp4", by_ffmpeg("aac", "mp4", 48_000), Holds()),
    ("film.mov", by_ffmpeg("pcm_s16le", "mov", 48_000), EXACT),
    ("start.m4a", by_ffmpeg("aac", "ipod", 44_100, options={"movflags": "faststart"}), Holds()),
    ("fragments.mp4", by_ffmpeg("aac", "mp4", 44_100, options={"movflags": "frag_keyframe+empty_moov"}), Holds()),
    ("cut.m4a", then(by_ffmpeg("aac", "ipod", 44_100), cut), Refused("truncated")),
    (
        "cut-start.m4a",
        then(by_ffmpeg("aac", "ipod", 44_100, options={"movflags": "faststart"}), cut),
        Refused("truncated"),
    ),
    # Matroska, AVI, ASF and others of FFmpeg's
    ("opus.webm", by_ffmpeg("libopus", "webm", 48_000), Holds()),
    ("aac.mka", by_ffmpeg("aac", "matroska", 44_100), Holds()),
    ("mp3.mkv", by_ffmpeg("libmp3lame", "matroska", 44_100), Holds()),
    ("live.webm", by_ffmpeg("libopus", "webm", 48_000, options={"live": "1"}), Holds()),
    ("cut.webm", then(by_ffmpeg("libopus", "webm", 48_000), cut), Refused("truncated")),
    ("mp3.avi", by_ffmpeg("libmp3lame", "avi", 44_100), Holds()),
    ("pcm.avi", by_ffmpeg("pcm_s16le", "avi", 44_100), EXACT),
    ("cut.avi", then(by_ffmpeg("pcm_s16le", "avi", 44_100), cut), Refused("truncated")),
    ("speech.wma", by_ffmpeg("wmav2", "asf", 44_100, bit_rate=64_000), Holds()),
    ("cut.wma", then(by_ffmpeg("wmav2", "asf", 44_100, bit_rate=64_000), cut), Refused("truncated|cannot be decoded")),
    ("call.amr", by_ffmpeg("libopencore_amrnb", "amr", 8000, bit_rate=12_200), Holds(like=0.8)),
    ("call.3gp", by_ffmpeg("libopencore_amrnb", "3gp", 8000, bit_rate=12_200), Holds(like=0.8)),
    ("call.3g2", by_ffmpeg("libopencore_amrnb", "3g2", 8000, bit_rate=12_200), Holds(like=0.8)),
    ("cut.amr", then(by_ffmpeg("libopencore_amrnb", "amr", 8000, bit_rate=12_200), cut), Refused("cannot be decoded")),
    ("film.ac3", by_ffmpeg("ac3", "ac3", 48_000), Holds()),
    ("44100.ac3", by_ffmpeg("ac3", "ac3", 44_100), Holds()),
    ("film.eac3", by_ffmpeg("eac3", "eac3", 48_000), Holds()),
    ("cut.ac3", then(by_ffmpeg("ac3", "ac3", 48_000), cut), Refused("truncated")),
    ("cut.eac3", then(by_ffmpeg("eac3", "eac3", 48_000), cut), Refused("truncated")),
    ("pack.wv", by_ffmpeg("wavpack", "wv", 44_100), EXACT),
    ("cut.wv", then(by_ffmpeg("wavpack", "wv", 44_100), cut), Refused("cannot be decoded|truncated")),
    ("true.tta", by_ffmpeg("tta", "tta", 44_100), EXACT),
    ("raw.g722", by_ffmpeg("g722", "g722", 16_000), Holds(exact=True, like=0.9)),
    ("raw.gsm", raw_gsm, Holds(exact=True, like=0.9)),
    ("blaster.voc", by_sndfile("VOC", "PCM_16"), EXACT),
    ("cut.voc", then(by_sndfile("VOC", "PCM_16"), cut), Refused("truncated")),
    # Ogg
    ("vorbis.ogg", by_sndfile("OGG", "VORBIS", 44_100), EXACT),
    ("chained.ogg", then(by_sndfile("OGG", "VORBIS"), twice), Holds(copies=2, exact=True)),
    ("chained-rates.ogg", two_rates_sndfile("OGG", "VORBIS"), Holds(copies=2, exact=True)),
    ("cut.ogg", then(by_sndfile("OGG", "VORBIS"), cut), Refused("truncated")),
    ("chained-cut.ogg", then(by_sndfile("OGG", "VORBIS"), lambda c: cut(c) + c), Refused("truncated")),
    ("voice.opus", by_sndfile("OGG", "OPUS"), EXACT),
    ("48k.opus", by_sndfile("OGG", "OPUS", 48_000), EXACT),
    ("ffmpeg.opus", by_ffmpeg("libopus", "opus", 48_000), EXACT),
    ("chained.opus", then(by_sndfile("OGG", "OPUS"), lambda content: content * 3), Holds(copies=3, exact=True)),
    ("chained-rates.opus", two_rates_sndfile("OGG", "OPUS"), Holds(copies=2, exact=True)),
    ("cut.opus", then(by_sndfile("OGG", "OPUS"), cut), Refused("truncated")),
    ("flac.oga", by_ffmpeg("flac", "oga", 16_000), EXACT),
    ("video.ogv", by_ffmpeg("flac", "ogg", 16_000), EXACT),
    # FLAC
    ("plain.flac", by_sndfile("FLAC", "PCM_16"), EXACT),
    ("24.flac", by_sndfile("FLAC", "PCM_24", 96_000), EXACT),
    ("ffmpeg.flac", by_ffmpeg("flac", "flac", 44_100), EXACT),
    ("unknown-total.flac", then(by_sndfile("FLAC", "PCM_16"), flac_total(0)), EXACT),
    ("count-too-small.flac", then(by_sndfile("FLAC", "PCM_16"), flac_total(20_000)), EXACT),
    ("count-too-large.flac", then(by_sndfile("FLAC", "PCM_16"), flac_total(90_000)), Refused("truncated")),
    ("twice.flac", then(by_sndfile("FLAC", "PCM_16"), twice), Holds(copies=2, exact=True)),
    ("twice-rates.flac", two_rates_sndfile("FLAC", "PCM_16"), Holds(copies=2, exact=True)),
    ("tagged.flac", then(by_sndfile("FLAC", "PCM_16"), lambda content: make.id3() + content), EXACT),
    ("tag-behind.flac", then(by_sndfile("FLAC", "PCM_16"), lambda c: c + b"TAG".ljust(128)), EXACT),
    ("cut.flac", then(by_sndfile("FLAC", "PCM_16"), cut), Refused("cannot be decoded|truncated")),
    (
        "unknown-total-cut.flac",
        then(by_sndfile("FLAC", "PCM_16"), lambda content: cut(flac_total(0)(content))),
        Refused("cannot be decoded|truncated"),
    ),
    # WAV: samples of every kind
    ("24.wav", by_sndfile("WAV", "PCM_24"), EXACT),
    ("32.wav", by_sndfile("WAV", "PCM_32"), EXACT),
    ("8.wav", by_sndfile("WAV", "PCM_U8"), EXACT),
    ("float.wav", by_sndfile("WAV", "FLOAT"), EXACT),
    ("double.wav", by_sndfile("WAV", "DOUBLE"), EXACT),
    ("mu-law.wav", by_sndfile("WAV", "ULAW", 8000), EXACT),
    ("a-law.wav", by_sndfile("WAV", "ALAW", 8000), EXACT),
    ("ima.wav", by_sndfile("WAV", "IMA_ADPCM"), Holds()),
    ("ms.wav", by_sndfile("WAV", "MS_ADPCM"), Holds()),
    ("gsm.wav", by_sndfile("WAV", "GSM610", 8000), Holds(like=0.9)),
    ("extensible.wav", by_sndfile("WAVEX", "PCM_16"), EXACT),
    ("big-endian.wav", by_sndfile("WAV", "PCM_16", endian="BIG"), EXACT),
    ("three.wav", channels(3), EXACT),
    ("six.wav", channels(6), EXACT),
    ("six.flac", channels(6, "FLAC"), EXACT),
    *(
        (f"{rate}.wav", by_sndfile("WAV", "PCM_16", rate), EXACT)
        for rate in (8000, 11_025, 22_050, 44_100, 48_000, 96_000)
    ),
    # WAV: headers
    *(
        (f"size-{size:x}.wav", sized(size), EXACT)
        for size in (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0x80000024, 0xFFFFFFFF, 0xFFFFFFDB)
    ),
    ("size-0-silent-start.wav", plain(pcm_format(), b"data" + bytes(4 + 800) + pcm(speech())), Holds()),
    ("empty-with-list.wav", plain(pcm_format(), chunk(b"data", b""), LISTED), Refused("no samples")),
    ("odd-unpadded.wav", plain(eight_bit(), b"data" + struct.pack("<I", 47_999) + EIGHT[:-1], LISTED), Holds()),
    ("16-too-large.wav", sized(WHOLE + 16), EXACT),
    ("counts-its-header.wav", sized(WHOLE + 44), EXACT),
    ("too-small.wav", sized(WHOLE - 40_000), EXACT),
    ("2000-too-large.wav", sized(WHOLE + 2000), Refused("truncated")),
    ("list-behind.wav", plain(pcm_format(), data(), LISTED), EXACT),
    ("list-before.wav", plain(LISTED, pcm_format(), data()), EXACT),
    ("unknown-chunks.wav", plain(chunk(b"JUNK", bytes(333)), pcm_format(), chunk(b"bext", bytes(602)), data()), EXACT),
    ("tag-behind.wav", plain(pcm_format(), data(), make.id3(500)), EXACT),
    ("zeros-behind.wav", plain(pcm_format(), data(), bytes(4096)), EXACT),
    ("cut.wav", then(by_sndfile("WAV", "PCM_16"), cut), Refused("truncated")),
    ("mp3-inside.wav", by_ffmpeg("libmp3lame", "wav", 44_100), Holds()),
    # other PCM
    ("64.rf64", by_sndfile("RF64", "PCM_16"), EXACT),
    ("cut.rf64", then(by_sndfile("RF64", "PCM_16"), cut), Refused("truncated")),
    (
        "unknown.rf64",
        then(by_sndfile("RF64", "PCM_16"), lambda c: c[:28] + struct.pack("<Q", 2**64 - 1) + c[36:]),
        EXACT,
    ),
    ("sony.w64", by_sndfile("W64", "PCM_16"), EXACT),
    ("cut.w64", then(by_sndfile("W64", "PCM_16"), cut), Refused("truncated")),
    (
        "unknown.w64",
        then(by_sndfile("W64", "PCM_16"), lambda c: with_data_size(c, 2**63 - 1, name=c[80:96], form="<Q")),
        EXACT,
    ),
    ("apple.aiff", by_sndfile("AIFF", "PCM_16", 44_100), EXACT),
    ("little.aifc", by_sndfile("AIFF", "PCM_16", endian="LITTLE"), EXACT),
    ("law.aifc", by_sndfile("AIFF", "ULAW"), EXACT),
    ("cut.aiff", then(by_sndfile("AIFF", "PCM_16"), cut), Refused("truncated")),
    ("sun.au", by_sndfile("AU", "ULAW", 8000), EXACT),
    ("sun.snd", by_sndfile("AU", "PCM_16"), EXACT),
    ("unknown.au", then(by_sndfile("AU", "PCM_16"), lambda c: c[:8] + b"\xff" * 4 + c[12:]), EXACT),
    ("cut.au", then(by_sndfile("AU", "PCM_16"), cut), Refused("truncated")),
    ("core.caf", by_sndfile("CAF", "PCM_16"), EXACT),
    ("alac.caf", by_ffmpeg("alac", "caf", 44_100), EXACT),
    ("unknown.caf", then(by_sndfile("CAF", "PCM_16"), lambda c: with_data_size(c, -1, form=">q")), Holds()),
    ("cut.caf", then(by_sndfile("CAF", "PCM_16"), cut), Refused("truncated")),
    ("corpus.sph", by_sndfile("NIST", "ULAW", 8000), EXACT),
    ("cut.sph", then(by_sndfile("NIST", "PCM_16"), cut), Refused("truncated")),
    # names
    ("mp3-named.wav", in_mp3(), EXACT),
    ("wav-named.mp3", by_sndfile("WAV", "PCM_16"), EXACT),
    ("m4a-named.wav", by_ffmpeg("aac", "ipod", 44_100), Holds()),
    ("flac-named.m4a", by_sndfile("FLAC", "PCM_16"), EXACT),
    ("with spaces, é̀ ọ́ 日本 %d.mp3", in_mp3(), EXACT),
    ("12:30.mp3", in_mp3(), EXACT),
    ("LOUD.MP3", in_mp3(), EXACT),
    # no recordings
    ("empty.mp3", lambda path: path.touch(), Refused("zero-length")),
    ("one-byte.wav", lambda path: path.write_bytes(b"R"), Refused("cannot be decoded")),
    ("text.mp3", lambda path: path.write_text("hello " * 500), Refused("cannot be decoded")),
    ("playlist.mp3", lambda path: path.write_text(PLAYLIST), Refused("cannot be decoded")),
    ("header-only.wav", plain(pcm_format(), chunk(b"data", b"")), Refused("no samples")),
]
