"""One policy for what cannot be used: stop or skip, everything counted, nothing lost."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.long_recording import music, say, silence
from support.preparing import hiss, reasons, run, save, utterances

from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.preparing.reasons import Reason
from xlpl_plugin.data.summary import PrepareReport
from xlpl_plugin.errors import XlplError


def corpus(folder: Path) -> list[Item]:
    """Return a good recording, and one of each kind that cannot be used."""
    whole = save(folder / "whole.wav", hiss(2)).read_bytes()
    (folder / "cut-off.wav").write_bytes(whole[:9000])
    (folder / "empty.wav").touch()
    (folder / "noise.wav").write_bytes(b"this is no recording" * 9)
    (folder / "folder.wav").mkdir()
    (folder / "dangling.wav").symlink_to(folder / "gone.wav")
    return [Item(name, folder / f"{name}.wav") for name in (
        "whole", "cut-off", "empty", "noise", "folder", "dangling", "nowhere",
    )]  # fmt: skip


def test_skipped_recordings_have_their_reasons(tmp_path: Path) -> None:
    report = run(corpus(tmp_path), tmp_path / "out", unusable="skip")
    assert reasons(report) == {
        "cut-off": "unreadable", "noise": "unreadable", "empty": "zero-length file",
        "folder": "missing", "dangling": "missing", "nowhere": "missing",
    }  # fmt: skip
    details = {drop.id: drop.detail for drop in report.dropped}
    assert "truncated" in details["cut-off"]
    assert utterances(tmp_path / "out").keys() == {"whole"}
    assert PrepareReport.read(tmp_path / "out" / "prepare.json") == report


def test_missing_files_stop_before_anything_is_decoded(tmp_path: Path) -> None:
    items = corpus(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(XlplError, match=r"empty\.wav: zero-length file; 4 of 7 files are missing or empty") as caught:
        run(items, tmp_path / "out")
    assert "--skip-unreadable" in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_damaged_files_stop_and_leave_nothing(tmp_path: Path) -> None:
    items = [item for item in corpus(tmp_path) if item.id in ("whole", "cut-off")]
    before = sorted(tmp_path.iterdir())
    for workers in (1, 2):
        with pytest.raises(XlplError, match=r"cut-off\.wav: truncated"):
            run(items, tmp_path / "out", workers=workers)
        assert sorted(tmp_path.iterdir()) == before


def test_a_damaged_recording_takes_all_its_segments_with_it(tmp_path: Path) -> None:
    good, bad = corpus(tmp_path)[:2]
    items = [good, *(Item(f"s{n}", bad.audio, start=n / 2, end=n / 2 + 0.5) for n in range(4))]
    assert reasons(run(items, tmp_path / "out", unusable="skip")) == {f"s{n}": "unreadable" for n in range(4)}


def test_a_full_disk_is_not_taken_for_an_unreadable_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise XlplError("cannot be written (disk full?)")

    monkeypatch.setattr("xlpl_plugin.data.preparing.convert.write_audio", full)
    with pytest.raises(XlplError, match="disk full"):
        run(corpus(tmp_path)[:1], tmp_path / "out", unusable="skip")


def test_what_a_killed_run_left_is_named(tmp_path: Path) -> None:
    (tmp_path / ".out.abc" / "new").mkdir(parents=True)
    report = run(corpus(tmp_path)[:1], tmp_path / "out")
    assert report.notes == (f"a run that was killed left .out.abc in {tmp_path}: remove it",)
    assert (tmp_path / ".out.abc").exists()


def test_an_id_that_would_be_the_folder_of_anothers_file(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.wav", hiss(2))
    with pytest.raises(XlplError, match=r"id 'a\.FLAC/b' beside id 'a'"):
        run([Item("a", audio), Item("a.FLAC/b", audio)], tmp_path / "out")


def test_every_reason_is_explained() -> None:
    assert all(re.fullmatch(r"[A-Z].+\.", reason.sentence) for reason in Reason)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("sources")
    corpus(folder)
    spoken = np.concatenate(
        [silence(1), say("the weather is good today"), silence(1.5), say("good morning to you all")]
    )
    files = {
        "spoken.flac": spoken, "music.wav": music(4), "silent.wav": hiss(2, 1e-5), "short.wav": hiss(0.1),
        "clip.wav": hiss(1.5), "stereo.wav": np.stack([spoken, hiss(9)[: len(spoken)]], axis=1),
        "half.wav": np.stack([hiss(2), silence(2)], axis=1),
    }  # fmt: skip
    saved = {name: save(folder / name, samples) for name, samples in files.items()}
    return (
        saved
        | {"8k.mp3": save(folder / "8k.mp3", hiss(2), 8000)}
        | {file.name: file for file in folder.glob("*.wav")}
        | {"nowhere.wav": folder / "nowhere.wav"}
    )


@settings(max_examples=40)
@given(data=st.data())
def test_no_id_is_lost_and_none_comes_out_of_nothing(sources: dict[str, Path], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(sources)), min_size=1, max_size=12))
    labelled = data.draw(st.booleans())
    items = []
    for number, name in enumerate(names):
        start, end = data.draw(st.sampled_from([(0.0, None), (0.0, None), (0.2, 1.4), (0.5, None), (1.0, 9.0)]))
        text = data.draw(st.sampled_from(["the weather is good", "", "?!", None, "word " * 90])) if labelled else None
        items.append(Item(f"s/{number}", sources[name], text, start=start, end=end))
    items.append(Item("sure", sources["clip.wav"], "a good clip" if labelled else None))
    options = {
        "channels": data.draw(st.sampled_from(["mean", "split"])),
        "keep": data.draw(st.booleans()),
        "format": data.draw(st.sampled_from(["flac", "opus"])),
        "cut_above": data.draw(st.sampled_from([0.0, 3.0])),
    }
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "out"
        report = run(items, out, unusable="skip", **options)
        found = utterances(out)
        names_out = [*found, *(drop.id for drop in report.dropped)]
        assert not [name for name, count in Counter(names_out).items() if count > 1]
        origin = {name: re.sub(r"(-ch\d)?(-\d{7}-\d{7})?$", "", name) for name in names_out}
        assert set(origin.values()) == {item.id for item in items}
        # an item is there or left out, not both; of two channels one may be silent
        for name in found:
            assert name == origin[name] or origin[name] not in found
        assert {drop.id for drop in report.dropped}.isdisjoint(origin[name] for name in found)
        for one in found.values():
            assert read_audio(out / "audio" / one.path).size == one.num_samples
        written = {path.relative_to(out / "audio").as_posix() for path in out.glob("audio/**/*") if not path.is_dir()}
        assert written == {one.path for one in found.values()}
        assert report.items == len(items)
        assert [path.name for path in Path(work).iterdir()] == ["out"]


def test_audio_of_what_has_no_transcript_is_not_looked_at(tmp_path: Path) -> None:
    """A corpus's file without a transcript may be empty or gone: it would not be used anyway."""
    said = Item("said", save(tmp_path / "a.wav", hiss(1.0)), "one two three")
    report = run(
        [said, Item("untold", tmp_path / "gone.wav"), Item("mute", tmp_path / "gone.wav", " ")], tmp_path / "out"
    )
    assert reasons(report) == {"untold": "no transcript", "mute": "no transcript"}
