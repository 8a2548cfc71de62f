"""Reading any recording: what is refused first, then what comes out."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from support.recordings import encode, mp3, speech

from xlpl_plugin.audio.formats import RAW_FORMS
from xlpl_plugin.audio.reading import (
    AUDIO_SUFFIXES,
    AudioInfo,
    audio_info,
    is_recording,
    read_audio,
    stream_audio,
    write_audio,
)
from xlpl_plugin.errors import XlplError

Array = npt.NDArray[np.float32]


def tone(seconds: float = 1.0, rate: int = 16_000, hertz: float = 440.0) -> Array:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def pitch(waveform: Array) -> float:
    """The loudest frequency of a 16 kHz waveform, in Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * 16_000 / len(waveform))


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


def test_one_channel_alone(tmp_path: Path) -> None:
    path = tmp_path / "three.wav"
    channels = [speech(), tone(3), 0.5 * speech()]
    soundfile.write(path, np.stack(channels, axis=1), 16_000, subtype="FLOAT")
    for number, channel in enumerate(channels):
        assert np.array_equal(read_audio(path, channel=number), channel)
    for wrong in (3, -1):
        with pytest.raises(XlplError, match=rf"no channel {wrong}\n.*0 to 2: it has 3 channels"):
            read_audio(path, channel=wrong)


@pytest.mark.parametrize("suffix", ["wav", "mp3", "m4a"])
def test_a_channel_that_is_the_other_inverted(tmp_path: Path, suffix: str) -> None:
    path, voice = tmp_path / f"inverted.{suffix}", speech(44_100)
    codec, form = {"wav": ("pcm_s16le", "wav"), "mp3": ("libmp3lame", "mp3"), "m4a": ("aac", "ipod")}[suffix]
    encode(path, np.stack([voice, -voice]), rate=44_100, codec=codec, form=form)
    assert np.abs(read_audio(path)).max() == pytest.approx(np.abs(voice).max(), rel=0.1)
    assert read_audio(path) == pytest.approx(read_audio(path, channel=0), abs=1e-6)


def test_channels_that_cancel_in_a_part_are_heard_there(tmp_path: Path) -> None:
    path, voice = tmp_path / "half.wav", speech(seconds=40)
    other = np.concatenate([voice[: 20 * 16_000], -voice[20 * 16_000 :]])
    soundfile.write(path, np.stack([np.zeros_like(voice), voice, other], axis=1), 16_000, subtype="FLOAT")
    heard = read_audio(path)
    assert heard[: 20 * 16_000] == pytest.approx(voice[: 20 * 16_000] * 2 / 3, abs=1e-6)
    assert np.array_equal(heard[20 * 16_000 :], voice[20 * 16_000 :])  # the first channel is silent


def test_unlike_channels_do_not_cancel(tmp_path: Path) -> None:
    channels = np.random.default_rng(1).uniform(-0.5, 0.5, (32_000, 6)).astype(np.float32)
    channels[:, 1:3] *= 1e-3
    soundfile.write(tmp_path / "six.wav", channels, 16_000, subtype="FLOAT")
    assert np.array_equal(read_audio(tmp_path / "six.wav"), channels.mean(axis=1))


@pytest.mark.parametrize("total", ["known", "unknown"])  # libsndfile, FFmpeg
def test_streaming_takes_no_more_memory_for_a_longer_recording(tmp_path: Path, total: str) -> None:
    peaks = []
    for minutes in (1, 8):
        path = tmp_path / f"{minutes}.flac"
        soundfile.write(path, np.tile(speech(44_100), 20 * minutes), 44_100)
        if total == "unknown":
            content = path.read_bytes()
            path.write_bytes(content[:21] + bytes([content[21] & 0xF0]) + bytes(4) + content[26:])
        tracemalloc.start()
        samples = sum(len(block) for block in stream_audio(path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert samples == minutes * 60 * 16_000
    assert peaks[1] < 1.2 * peaks[0]


def test_what_cannot_be_decoded_at_the_end_is_an_error_after_the_blocks_before(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp3"
    path.write_bytes(mp3(path, seconds=25.0)[:-3000])
    blocks = stream_audio(path)
    assert len(next(blocks)) > 9 * 16_000
    with pytest.raises(XlplError, match="truncated"):
        list(blocks)


def test_resampled_in_blocks_as_at_once(tmp_path: Path) -> None:
    path, voice = tmp_path / "long.wav", speech(44_100, 31.7)
    soundfile.write(path, voice, 44_100, subtype="FLOAT")
    assert np.array_equal(read_audio(path), soxr.resample(voice, 44_100, 16_000))


@pytest.mark.parametrize("samples", [1, 159, 160, 1000, 16_000, 50_001, 200_000])
@pytest.mark.parametrize("suffix", ["flac", "opus"])
def test_as_many_samples_are_written_as_will_be_read(tmp_path: Path, suffix: str, samples: int) -> None:
    path, voice = tmp_path / f"voice.{suffix}", speech(seconds=20)[:samples]
    assert write_audio(path, voice) == read_audio(path).size == audio_info(path).frames == samples
    first = path.read_bytes()
    assert np.array_equal(read_audio(path), read_audio(path))
    write_audio(path, voice)
    assert path.read_bytes() == first
    if samples > 16_000:
        assert np.corrcoef(read_audio(path), voice)[0, 1] > 0.99


def test_opus_is_small(tmp_path: Path) -> None:
    write_audio(tmp_path / "voice.opus", speech(seconds=20))
    assert (tmp_path / "voice.opus").stat().st_size < 20 * 6000
    assert [file.name for file in tmp_path.iterdir()] == ["voice.opus"]


def test_other_forms_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"cannot write '\.mp3' files\n.*\.flac or \.opus"):
        write_audio(tmp_path / "voice.mp3", tone())


def test_what_a_header_says(tmp_path: Path) -> None:
    mp3(tmp_path / "voice.mp3", rate=22_050)
    encode(tmp_path / "raw.g722", tone(), rate=16_000, codec="g722", form="g722")
    encode(tmp_path / "voice.m4a", np.stack([speech(48_000)] * 2), rate=48_000, codec="aac", form="ipod")
    write_audio(tmp_path / "voice.flac", tone())
    chained = (tmp_path / "voice.flac").read_bytes() * 2
    (tmp_path / "chained.flac").write_bytes(chained)
    assert audio_info(tmp_path / "voice.mp3") == AudioInfo(22_050, 1, None, 3.0)
    assert audio_info(tmp_path / "raw.g722") == AudioInfo(16_000, 1, None, 1.0)
    assert audio_info(tmp_path / "voice.m4a") == AudioInfo(48_000, 2, None, pytest.approx(3.0, abs=0.1))
    assert audio_info(tmp_path / "voice.flac") == AudioInfo(16_000, 1, 16_000, 1.0)
    assert audio_info(tmp_path / "chained.flac") == AudioInfo(16_000, 1, None, 2.0)


def test_a_film_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(XlplError, match="holds no audio stream"):
        read_audio(tmp_path / "silent.mp4")


@pytest.mark.parametrize("name", ["a.wav", "a.MP3", "folder/b.c.Amr", "é ̀.m4a", "clip.AWB"])
def test_names_of_recordings(name: str) -> None:
    assert is_recording(name)


@pytest.mark.parametrize("name", ["._clip.mp3", ".hidden.wav", ".wav", "a.txt", "a.mp3.part", "mp3", "a.ts"])
def test_names_of_other_files(name: str) -> None:
    assert not is_recording(name)


def test_every_suffix_has_a_decoder_here() -> None:
    """What none of our libraries can write is in no other test: at least FFmpeg's decoder must be there."""
    decoders = {".awb": "amrwb", ".spx": "speex", ".ape": "ape", ".gsm": "gsm", ".dss": "dss_sp", ".tak": "tak"}
    assert decoders.keys() <= AUDIO_SUFFIXES
    for decoder in decoders.values():
        assert av.codec.Codec(decoder, "r").is_decoder
    forms = {"amr", "amrwb", "ogg", "ape", "dss", "tak", *RAW_FORMS.values()}
    assert forms <= av.formats_available


def test_amr_wideband_without_speech(tmp_path: Path) -> None:
    (tmp_path / "pause.awb").write_bytes(b"#!AMR-WB\n" + b"\x7c" * 50)  # frames of 20 ms without data
    assert len(read_audio(tmp_path / "pause.awb")) == 50 * 320


def test_samples_that_look_like_frames_are_none(tmp_path: Path) -> None:
    """Noise holds the mark of a frame now and then, with reserved codes or even the right checksum."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        waveform = (rng.standard_normal(int(rng.integers(3_000, 40_000))) * 10 ** rng.uniform(-3, -0.5)).astype(
            np.float32
        )
        assert (
            write_audio(tmp_path / "noise.flac", waveform) == len(waveform) == len(read_audio(tmp_path / "noise.flac"))
        )
