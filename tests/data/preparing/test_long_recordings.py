"""Long recordings: cut into utterances, with their place remembered and what is left out counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.long_recording import LongRecording, music, noise, record, silence
from support.preparing import hiss, reasons, run, save, utterances

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.segments import Segments, Speakers
from xlpl_plugin.errors import XlplError


@pytest.fixture(scope="module")
def talk() -> LongRecording:
    return record((silence(1), noise(2), music(3), silence(3), silence(1)) * 2)


def test_a_long_recording_becomes_utterances(tmp_path: Path, talk: LongRecording) -> None:
    audio = save(tmp_path / "talk.flac", talk.samples)
    short = save(tmp_path / "short.flac", hiss(3))
    run([Item("talk", audio, speaker="Ana M"), Item("short", short)], tmp_path / "out")
    rows, found = Segments.read(tmp_path / "out").rows, utterances(tmp_path / "out")
    assert len(rows) == len(talk.speech)
    assert found.keys() == {"short", *(row.id for row in rows)}
    for row, (start, end) in zip(rows, talk.speech, strict=True):
        assert row.recording == "talk"
        assert row.id == f"talk-{round(100 * row.start):07d}-{round(100 * row.end):07d}"
        assert row.start == pytest.approx(start / SAMPLE_RATE, abs=0.3)
        # music that sets in right behind speech can stay with it for a while
        assert end / SAMPLE_RATE - 0.3 < row.end < end / SAMPLE_RATE + 1.2
        piece = read_audio(tmp_path / "out" / "audio" / found[row.id].path)
        first = round(row.start * SAMPLE_RATE)
        assert piece.size == found[row.id].num_samples == round(row.end * SAMPLE_RATE) - first
        np.testing.assert_allclose(piece, talk.samples[first : first + piece.size], atol=1e-4)
    assert [row.id for row in rows] == sorted(row.id for row in rows)
    assert Speakers.read(tmp_path / "out").of == {row.id: "Ana M" for row in rows}
    assert not check_folder(tmp_path / "out", workers=1).findings


def test_what_is_in_no_piece_is_counted(tmp_path: Path, talk: LongRecording) -> None:
    report = run([Item("talk", save(tmp_path / "talk.flac", talk.samples))], tmp_path / "out")
    (left,) = report.left_out
    kept = sum(one.seconds for one in utterances(tmp_path / "out").values())
    assert (report.cut, left.reason, report.dropped) == (1, "no speech", ())
    assert left.seconds == pytest.approx(len(talk.samples) / SAMPLE_RATE - kept, abs=0.01)
    assert len(talk.speech) <= left.stretches <= len(talk.speech) + 1


def test_long_recordings_without_speech_are_dropped(tmp_path: Path) -> None:
    items = [
        Item("music", save(tmp_path / "music.wav", music(40))),
        Item("silence", save(tmp_path / "silence.wav", hiss(40, 1e-5))),
        Item("short", save(tmp_path / "short.wav", hiss(3))),
    ]
    assert reasons(run(items, tmp_path / "out")) == {"music": "no speech", "silence": "silent"}


def test_nothing_is_cut_where_that_is_said_nor_with_one_transcript(tmp_path: Path, talk: LongRecording) -> None:
    audio = save(tmp_path / "talk.flac", talk.samples)
    assert run([Item("talk", audio)], tmp_path / "whole", cut_above=0.0).cut == 0
    assert utterances(tmp_path / "whole").keys() == {"talk"}
    report = run([Item("talk", audio, "and so on " * 30)], tmp_path / "told")
    assert utterances(tmp_path / "told").keys() == {"talk"}
    assert any("1 recordings with one transcript are longer than 30 s" in note for note in report.notes)


def test_recordings_are_the_same_from_a_file_as_from_memory(
    tmp_path: Path, talk: LongRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = save(tmp_path / "talk.flac", talk.samples)
    run([Item("talk", audio)], tmp_path / "memory")
    monkeypatch.setattr("xlpl_plugin.data.preparing.spool._IN_MEMORY", 100_000)
    run([Item("talk", audio)], tmp_path / "file")
    files = [path.relative_to(tmp_path / "memory") for path in (tmp_path / "memory" / "audio").iterdir()]
    assert len(files) == len(talk.speech)
    for file in files:
        assert (tmp_path / "memory" / file).read_bytes() == (tmp_path / "file" / file).read_bytes()


def test_pieces_of_a_recording_stay_in_one_part_where_recordings_are_enough(
    tmp_path: Path, talk: LongRecording
) -> None:
    files = [save(tmp_path / f"r{n}.flac", talk.samples) for n in range(5)]
    report = run([Item(f"r{n}", file) for n, file in enumerate(files)], tmp_path / "five", test=0.2)
    test = {line.split("-")[0] for line in (tmp_path / "five" / "test.tsv").read_text().splitlines()[1:]}
    train = {line.split("-")[0] for line in (tmp_path / "five" / "train.tsv").read_text().splitlines()[1:]}
    assert (len(test), len(train), test & train, report.notes) == (1, 4, set(), ())
    report = run([Item("one", files[0])], tmp_path / "one", test=0.4)
    assert (tmp_path / "one" / "test.tsv").exists()
    assert any("1 of 1 recordings have pieces in two parts" in note for note in report.notes)


def test_each_channel_is_a_recording_where_that_is_said(tmp_path: Path, talk: LongRecording) -> None:
    half = len(talk.samples) // 2
    other = np.concatenate([talk.samples[half:], talk.samples[:half]])
    audio = save(tmp_path / "call.wav", np.stack([talk.samples, other], axis=1))
    mono, stereo = save(tmp_path / "m.wav", hiss(2)), save(tmp_path / "s.wav", np.stack([hiss(2), hiss(3)[:32_000]], 1))
    items = [Item("call", audio, speaker="both"), Item("m", mono), Item("s", stereo)]
    run(items, tmp_path / "split", channels="split")
    found = utterances(tmp_path / "split")
    assert {"m", "s-ch0", "s-ch1"} <= found.keys()
    rows = Segments.read(tmp_path / "split").rows
    assert {row.recording for row in rows} == {"call-ch0", "call-ch1"}
    assert all(row.id.startswith(f"{row.recording}-0") for row in rows)
    assert len([row for row in rows if row.recording == "call-ch0"]) == len(talk.speech)
    np.testing.assert_allclose(read_audio(tmp_path / "split" / "audio" / "s-ch0.flac"), hiss(2), atol=1e-4)
    run(items, tmp_path / "mean")
    assert {"m", "s"} <= utterances(tmp_path / "mean").keys()


def test_ids_that_pieces_would_get_are_refused(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.wav", hiss(2))
    for name in ("a-0000100-0000200", "a-ch1", "a-ch0-0000100-0000200"):
        with pytest.raises(XlplError, match=f"{name}' has the form of a piece or channel of 'a'"):
            run([Item("a", audio), Item(name, audio)], tmp_path / "out")
        run([Item("b", audio), Item(name, audio)], tmp_path / name)
