"""What is written again, in which form, what is linked, and whether the disk has room for it."""

from __future__ import annotations

import shutil
from array import array
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.long_recording import say
from support.preparing import hiss, run, save, utterances

from xlpl_plugin.audio.reading import read_audio
from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.items import Item, ItemColumns
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.data.preparing.audio_files import AudioFiles
from xlpl_plugin.data.preparing.space import Space, needed_space
from xlpl_plugin.errors import XlplError


def sources(folder: Path) -> list[Item]:
    """Recordings of which three are 16 kHz mono."""
    save(folder / "a.flac", hiss(3))
    save(folder / "b c.WAV", hiss(2))
    save(folder / "d.ogg", hiss(2))
    save(folder / "stereo.wav", np.stack([hiss(2), hiss(2)], 1))
    save(folder / "rate.wav", hiss(2), 8000)
    return [Item(path.stem, path) for path in sorted(folder.iterdir())]


def test_fitting_recordings_are_linked(tmp_path: Path) -> None:
    items = sources(tmp_path / "in")
    report = run(items, tmp_path / "out", keep=True)
    found = utterances(tmp_path / "out")
    assert report.linked == 3
    assert {one.path for one in found.values()} == {"a.flac", "b c.wav", "d.ogg", "stereo.flac", "rate.flac"}
    links = {path.name: path.readlink() for path in (tmp_path / "out" / "audio").iterdir() if path.is_symlink()}
    assert links == {name: tmp_path / "in" / name.replace(".wav", ".WAV") for name in ("a.flac", "b c.wav", "d.ogg")}
    for item in items:
        one = found[item.id]
        audio = read_audio(tmp_path / "out" / "audio" / one.path)
        assert audio.size == one.num_samples
        np.testing.assert_allclose(audio, read_audio(item.audio), atol=1e-4)
    assert not check_folder(tmp_path / "out", workers=1).findings


def test_stretches_are_written_and_unusable_recordings_not_linked(tmp_path: Path) -> None:
    audio, silent = save(tmp_path / "a.flac", hiss(3)), save(tmp_path / "b.flac", hiss(3, 1e-5))
    report = run([Item("a", audio, end=2.0), Item("b", silent)], tmp_path / "out", keep=True)
    assert report.linked == 0
    assert [path.is_symlink() for path in (tmp_path / "out" / "audio").iterdir()] == [False]


def test_a_file_without_a_suffix_is_written(tmp_path: Path) -> None:
    audio = save(tmp_path / "a.flac", hiss(3)).rename(tmp_path / "bare")
    save(tmp_path / "b.flac", hiss(3)).rename(tmp_path / "b.c.flac")
    run([Item("a.b", tmp_path / "b.c.flac"), Item("a.c", audio)], tmp_path / "out", keep=True, unusable="skip")
    assert {"a.b"} <= utterances(tmp_path / "out").keys() <= {"a.b", "a.c"}


def test_nothing_links_to_a_folder_that_will_not_last(tmp_path: Path) -> None:
    items = [Item("a", save(tmp_path / "work" / "x" / "a.flac", hiss(3)))]
    options = PrepareOptions(valid=0, test=0, workers=1, keep=True)
    assert prepare(items, tmp_path / "out", options, temporary=tmp_path / "work").linked == 0
    shutil.rmtree(tmp_path / "work")
    assert not check_folder(tmp_path / "out", workers=1).findings


@pytest.mark.parametrize("seconds", [0.31, 1.0, 2.00125, 7.3])
def test_opus_has_as_many_samples_as_the_manifest_says(tmp_path: Path, seconds: float) -> None:
    samples = np.tile(say("the weather in the mountains is very good today"), 4)[: round(seconds * 16_000)]
    audio = save(tmp_path / "a.wav", samples)
    run([Item("a", audio)], tmp_path / "out", format="opus")
    (one,) = utterances(tmp_path / "out").values()
    got = read_audio(tmp_path / "out" / "audio" / one.path)
    assert one.path == "a.opus"
    assert one.num_samples == got.size == pytest.approx(samples.size, abs=960)
    common = min(got.size, samples.size)
    assert np.corrcoef(got[:common], samples[:common])[0, 1] > 0.9
    assert not check_folder(tmp_path / "out", workers=1).findings


def space(items: list[Item], **options: Any) -> Space:
    columns, rows = ItemColumns(items), array("q", range(len(items)))
    return needed_space(columns, rows, AudioFiles(columns, rows), PrepareOptions(**options))


def test_space_is_estimated_by_headers_and_times(tmp_path: Path) -> None:
    items = sources(tmp_path / "in")
    flac, opus = (space(items, format=form) for form in ("flac", "opus"))
    assert flac.seconds == opus.seconds == pytest.approx(3 + 2 + 2 + 2 + 4, rel=0.01)
    assert (flac.bytes, opus.bytes) == pytest.approx((13 * 19_200, 13 * 4_000), rel=0.01)
    kept = space(items, keep=True)
    assert (kept.linked, kept.bytes) == pytest.approx((7, 6 * 19_200), rel=0.01)
    pieces = [Item(f"{n}", items[0].audio, start=n, end=n + 1.5) for n in range(10)]
    assert space(pieces, keep=True).bytes == 15 * 19_200


def test_a_sample_of_the_headers_stands_for_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xlpl_plugin.data.preparing.space._HEADERS", 5)
    items = [Item(f"{n}", save(tmp_path / f"{n}.wav", hiss(0.5 + n / 20))) for n in range(40)]
    assert space(items).seconds == pytest.approx(sum(0.5 + n / 20 for n in range(40)), rel=0.01)


def test_too_little_space_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    items = sources(tmp_path / "in")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(100_000))
    with pytest.raises(XlplError, match=r"0\.2 MB to write, and 0\.1 MB are free") as caught:
        run(items, tmp_path / "out")
    assert "--format opus" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    run(items, tmp_path / "out", format="opus")
