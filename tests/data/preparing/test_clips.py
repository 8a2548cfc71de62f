"""Segments: cut from their recording, which is decoded once; their times are remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.preparing import hiss, reasons, run, save, utterances

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.preparing import convert
from xlpl_plugin.data.segments import Segment, Segments


def test_segments_are_the_samples_between_their_times(tmp_path: Path) -> None:
    samples = hiss(20)
    audio = save(tmp_path / "talks" / "long.flac", samples)
    times = [(0.0, 2.0), (1.5, 4.0), (7.25, 9.125), (18.0, None)]
    items = [Item(f"u{n}", audio, start=start, end=end) for n, (start, end) in enumerate(times)]
    report = run(items, tmp_path / "out")
    found = utterances(tmp_path / "out")
    for name, (start, end) in zip(("u0", "u1", "u2", "u3"), times, strict=True):
        expected = samples[round(start * SAMPLE_RATE) : None if end is None else round(end * SAMPLE_RATE)]
        got = read_audio(tmp_path / "out" / "audio" / found[name].path)
        assert found[name].num_samples == len(got) == len(expected)
        np.testing.assert_allclose(got, expected, atol=1e-4)
    assert Segments.read(tmp_path / "out").rows == tuple(
        Segment(f"u{n}", "long", start, 20.0 if end is None else end) for n, (start, end) in enumerate(times)
    )
    assert report.notes == ("1 segments begin before another of their recording has ended",)
    assert not check_folder(tmp_path / "out", workers=1).findings


def test_a_recording_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Path] = []
    read = convert.stream_audio
    monkeypatch.setattr(convert, "stream_audio", lambda path, **more: decoded.append(path) or read(path, **more))
    files = [save(tmp_path / f"r{n}.wav", hiss(10, seed=n)) for n in range(3)]
    items = [Item(f"{n}-{k}", files[n], start=float(k), end=k + 0.9) for k in range(9) for n in range(3)]
    run(items, tmp_path / "out")
    assert sorted(decoded) == files
    assert len(utterances(tmp_path / "out")) == 27


def test_an_end_after_the_recordings_end(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.wav", hiss(5))
    times = {"inside": (0, 4.9), "rounded": (1, 5.08), "beyond": (2, 5.2), "behind": (5.01, 5.05), "far": (90, 95)}
    items = [Item(name, audio, start=start, end=end) for name, (start, end) in times.items()]
    report = run(items, tmp_path / "out", min_seconds=0.01)
    assert reasons(report) == {name: "ends after its recording" for name in ("beyond", "behind", "far")}
    found = utterances(tmp_path / "out")
    assert {name: one.num_samples for name, one in found.items()} == {"inside": 78_400, "rounded": 64_000}


def test_what_times_alone_say_is_said_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio, damaged = save(tmp_path / "a.wav", hiss(5)), tmp_path / "damaged.wav"
    damaged.write_bytes(b"nothing that could be decoded")
    items = [
        Item("good", audio, "twelve words", start=0, end=3),
        Item("short", damaged, "twelve words", start=1, end=1.2),
        Item("hasty", damaged, "word " * 40, start=1, end=2),
        Item("mute", damaged, start=1, end=2),
    ]
    assert reasons(run(items, tmp_path / "out")) == {
        "short": "too short",
        "hasty": "implausible letters a second",
        "mute": "no transcript",
    }


def test_recordings_of_one_name_in_two_folders_and_forms_keep_their_names_apart(tmp_path: Path) -> None:
    files = [save(tmp_path / name, hiss(3)) for name in ("a/x.wav", "b/x.wav", "b/x.flac", "c d/ü.wav")]
    items = [Item(f"u{n}", file, start=0, end=2) for n, file in enumerate(files)]
    items += [Item("left", files[0], start=0, end=2, channel=0)]
    run(items, tmp_path / "out")
    rows = {row.id: row.recording for row in Segments.read(tmp_path / "out").rows}
    assert rows == {"u0": "a/x", "u1": "b/x.wav", "u2": "b/x.flac", "u3": "c d/ü", "left": "a/x-ch0"}
    assert "u3 c%20d/ü 0.000 2.000" in (tmp_path / "out" / "segments").read_text(encoding="utf-8").splitlines()


def test_silent_segments_of_a_loud_recording(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.wav", np.concatenate([hiss(2), hiss(2, 1e-5)]))
    items = [Item("loud", audio, start=0, end=2), Item("quiet", audio, start=2, end=4)]
    assert reasons(run(items, tmp_path / "out")) == {"quiet": "silent"}


def test_short_corpora_have_no_segments_file(tmp_path: Path) -> None:
    run([Item("a", save(tmp_path / "a.wav", hiss(2)))], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "audio", "dict.ltr.txt", "prepare.json", "train.tsv",
    ]  # fmt: skip
