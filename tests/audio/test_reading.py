"""Reading any recording: what is refused first, then what comes out."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from xlpl_plugin.audio.reading import audio_info, read_audio, write_audio
from xlpl_plugin.errors import XlplError

Array = npt.NDArray[np.float32]


def tone(seconds: float = 1.0, rate: int = 16_000, hertz: float = 440.0) -> Array:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def pitch(waveform: Array) -> float:
    """The loudest frequency of a 16 kHz waveform, in Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * 16_000 / len(waveform))


def encode(path: Path, waveform: Array, *, rate: int, codec: str, form: str) -> None:
    """Write a file that libsndfile cannot write (G.722, AAC)."""
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        samples = (waveform * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        for piece in av.AudioResampler(format=stream.format, layout="mono", rate=rate).resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"nowhere\.wav: no such file"):
        read_audio(tmp_path / "nowhere.wav")


@pytest.mark.parametrize("name", ["empty.wav", "empty.flac", "empty.g722", "empty.m4a"])
def test_zero_length_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(XlplError, match="zero-length file"):
        read_audio(tmp_path / name)


def test_header_without_samples(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "header.wav", np.zeros(0, np.float32), 16_000)
    with pytest.raises(XlplError, match=r"header\.wav: no samples"):
        read_audio(tmp_path / "header.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_truncated_file_names_itself_and_the_remedy(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, 32_000).astype(np.float32)
    path = tmp_path / f"cut.{suffix}"
    if suffix == "opus":
        soundfile.write(path, noise, 16_000, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, noise, 16_000)
    assert len(read_audio(path)) == pytest.approx(32_000, abs=2500)
    cut(path, share)
    with pytest.raises(XlplError, match=rf"cut\.{suffix}: (truncated|cannot be decoded)") as caught:
        read_audio(path)
    assert caught.value.remedy


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "xyz"])
def test_garbage_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"garbage.{suffix}"
    path.write_bytes(np.random.default_rng(1).bytes(4000))
    with pytest.raises(XlplError, match="cannot be decoded"):
        read_audio(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_samples(tmp_path: Path, bad: float) -> None:
    waveform = tone()
    waveform[100] = bad
    soundfile.write(tmp_path / "bad.wav", waveform, 16_000, subtype="FLOAT")
    with pytest.raises(XlplError, match="NaN or infinite"):
        read_audio(tmp_path / "bad.wav")


@pytest.mark.parametrize("waveform", [np.zeros(0, np.float32), np.zeros((2, 8), np.float32), np.full(8, np.nan)])
def test_what_is_no_waveform_is_not_written(tmp_path: Path, waveform: Array) -> None:
    with pytest.raises(XlplError, match="cannot write"):
        write_audio(tmp_path / "out.flac", waveform)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_any_rate_becomes_16_khz(tmp_path: Path, suffix: str, rate: int) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, tone(rate=rate), rate)
    waveform = read_audio(path)
    assert waveform.dtype == np.float32
    assert len(waveform) == pytest.approx(16_000, abs=1600 if suffix == "mp3" else 2)
    assert pitch(waveform) == pytest.approx(440, abs=2)
    assert np.abs(waveform[2000:-2000]).max() == pytest.approx(0.5, abs=0.06)  # mp3 is the worst


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stereo.wav", np.stack([tone(), np.zeros(16_000, np.float32)], axis=1), 16_000)
    assert read_audio(tmp_path / "stereo.wav") == pytest.approx(tone() / 2, abs=1e-3)


def test_raw_g722_is_16_khz_at_64_kilobits(tmp_path: Path) -> None:
    path = tmp_path / "tone.g722"
    encode(path, tone(), rate=16_000, codec="g722", form="g722")
    waveform = read_audio(path)
    assert len(waveform) == 2 * path.stat().st_size
    assert pitch(waveform) == pytest.approx(440, abs=2)
    assert np.abs(waveform[2000:]).max() == pytest.approx(0.5, abs=0.03)


def test_ffmpeg_reads_what_libsndfile_does_not(tmp_path: Path) -> None:
    encode(tmp_path / "tone.m4a", tone(rate=44_100), rate=44_100, codec="aac", form="ipod")
    assert pitch(read_audio(tmp_path / "tone.m4a")) == pytest.approx(440, abs=3)


def test_wav_from_a_pipe_has_no_length_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    soundfile.write(path, tone(), 16_000)
    content = bytearray(path.read_bytes())
    position = content.index(b"data") + 4
    content[4:8] = content[position : position + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(read_audio(path)) == 16_000


def test_written_audio_is_read_back_clipped_to_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "out.flac"
    write_audio(path, 3 * tone())
    info = audio_info(path)
    assert (info.rate, info.channels, info.frames) == (16_000, 1, 16_000)
    assert read_audio(path) == pytest.approx(np.clip(3 * tone(), -1, 1), abs=1e-4)
    assert [file.name for file in path.parent.iterdir()] == ["out.flac"]
