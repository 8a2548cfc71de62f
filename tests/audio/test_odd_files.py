"""Files as they come: no less is read than FFmpeg hears, and it is what was recorded, or the file is refused."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from support.odd_files import CASES, Holds, Refused, Writer
from support.recordings import speech

from xlpl_plugin.audio.reading import audio_info, read_audio, stream_audio
from xlpl_plugin.errors import XlplError

Array = npt.NDArray[np.float32]
SECOND = 16_000


def ffmpeg_seconds(path: Path) -> float:
    """Count what FFmpeg decodes, past errors; 0 where it knows nothing of the file."""
    seconds = 0.0
    form = {".g722": "g722", ".gsm": "gsm"}.get(path.suffix)
    with av.open(f"file:{path}", format=form, metadata_errors="replace") as container:
        for packet in container.demux(container.streams.audio[0]):
            try:
                seconds += sum(frame.samples / frame.rate for frame in packet.decode())
            except av.FFmpegError:
                continue
    return seconds


def likeness(heard: Array, start: int) -> float:
    """Correlation of the recording with what is heard within 0.25 s of ``start``, at the best delay."""
    wanted, margin = speech()[1600:-1600], 4000
    first = max(0, start + 1600 - margin)
    around = heard[first : start + 1600 + len(wanted) + margin].astype(np.float64)
    size = len(around) + len(wanted)
    products = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(wanted, size)), size)
    lag = int(np.argmax(products[: len(around) - len(wanted) + 1]))
    return float(np.corrcoef(around[lag : lag + len(wanted)], wanted)[0, 1])


@pytest.mark.parametrize(("name", "writer", "expected"), CASES, ids=[case[0] for case in CASES])
def test_odd_file(
    tmp_path: Path, name: str, writer: Writer, expected: Holds | Refused, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    writer(path)
    capfd.readouterr()
    if isinstance(expected, Refused):
        with pytest.raises(XlplError, match=expected.problem) as caught:
            read_audio(path)
        assert str(path) in str(caught.value)
    else:
        check(path, expected)
    assert capfd.readouterr() == ("", ""), "a decoder writes to the terminal"


def check(path: Path, expected: Holds) -> None:
    heard, length = read_audio(path), 3 * SECOND
    if expected.exact:  # FFmpeg counts the silence at a joint, or knows of the first stream alone
        assert len(heard) == expected.copies * length
    else:
        assert len(heard) >= math.floor(SECOND * ffmpeg_seconds(path)) - 2
    assert expected.copies * length - 600 <= len(heard) <= expected.copies * (length + 1800)
    spacing = len(heard) // expected.copies
    assert min(likeness(heard, copy * spacing) for copy in range(expected.copies)) > expected.like
    assert np.array_equal(np.concatenate(list(stream_audio(path))), heard)
    info = audio_info(path)
    if info.seconds is not None and "count-too" not in path.name:  # a false count in the header is a false length
        assert info.seconds == pytest.approx(len(heard) / SECOND, rel=0.3)
    assert info.frames is None or math.ceil(info.frames * SECOND / info.rate) == len(heard)


def test_damaged_bytes_end_in_no_other_error(tmp_path: Path) -> None:
    """Whatever stands in a file, it is read or refused."""
    rng = np.random.default_rng(1)
    for name, writer, _ in CASES[::3]:
        path = tmp_path / name
        writer(path)
        content = bytearray(path.read_bytes())
        for reach in (16, 100, 1000) if content else ():
            for position in rng.integers(0, min(len(content), reach), 3):
                content[position] = rng.choice((0, 255, rng.integers(256)))
            path.write_bytes(content)
            with suppress(XlplError):
                read_audio(path)
            with suppress(XlplError):
                audio_info(path)
        path.unlink()
