"""Manifests that lhotse itself writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lhotse
import numpy as np
import pytest
import soundfile
from lhotse import recipes
from support.layouts import layouts

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.data.corpora.listing import Corpus
from xlpl_plugin.errors import XlplError


def recording(folder: Path, name: str = "talk", channels: int = 1) -> Any:
    path = folder / f"{name}.wav"
    soundfile.write(path, np.zeros((48_000, channels)), 16_000)
    return lhotse.Recording.from_file(path)


def segment(name: str, start: float, end: float, channel: Any = 0, of: str = "talk") -> Any:
    return lhotse.SupervisionSegment(name, of, start, end - start, channel=channel, text=name.upper(), speaker="ann")


def write(folder: Path, recordings: list[Any], supervisions: list[Any]) -> Path:
    lhotse.RecordingSet.from_recordings(recordings).to_file(folder / "test_recordings_train.jsonl.gz")
    lhotse.SupervisionSet.from_segments(supervisions).to_file(folder / "test_supervisions_train.jsonl.gz")
    return folder


def write_cuts(folder: Path, *cuts: Any) -> Path:
    lhotse.CutSet.from_cuts(cuts).to_file(folder / "cuts_dev.jsonl.gz")
    return folder / "cuts_dev.jsonl.gz"


def read(source: Path, division: Any = "own") -> Corpus:
    return read_corpus(source, work=source.parent / "work", division=division)


def stretches(corpus: Corpus) -> list[tuple[Any, ...]]:
    return [(item.id, item.text, item.start, item.end, item.channel) for item in corpus.items]


def test_supervisions_of_long_recordings(tmp_path: Path) -> None:
    rows = [segment("a", 0.5, 1.5), segment("b", 1.0, 2.0), segment("c", 0, 3.0, of="other")]
    recordings = [recording(tmp_path, name) for name in ("talk", "other", "t")]
    corpus = read(write(tmp_path, recordings, rows), "corpus")
    assert {item.part for item in corpus.items} == {"train"}
    assert stretches(corpus) == [("a", "A", 0.5, 1.5, None), ("b", "B", 1.0, 2.0, None), ("c", "C", 0.0, None, None)]
    assert corpus.passed_over == {"recordings without a supervision": 1}
    assert "stretches that begin before the one before them ends: 1" in corpus.notes


def test_channels(tmp_path: Path) -> None:
    rows = [segment("a", 0, 1, 0), segment("b", 0, 1, 1), segment("c", 0, 1, [0, 1])]
    found = read(write(tmp_path, [recording(tmp_path, channels=2)], rows)).items
    assert [item.channel for item in found] == [0, 1, None]


def test_a_file_for_each_channel(tmp_path: Path) -> None:
    talk = recording(tmp_path)
    source = lhotse.audio.AudioSource("file", [4], str(tmp_path / "far.wav"))
    talk = lhotse.utils.fastcopy(talk, sources=[*talk.sources, source], channel_ids=[0, 4])
    item = read(write(tmp_path, [talk], [segment("a", 0, 1, 4)])).items[0]
    assert (item.audio, item.channel) == (tmp_path / "far.wav", None)


def test_cuts_with_and_without_supervisions(tmp_path: Path) -> None:
    whole = recording(tmp_path).to_cut()
    labelled = lhotse.utils.fastcopy(whole, id="l", supervisions=[segment("a", 0.5, 1.5), segment("b", 2, 3)])
    cuts = [whole, labelled.truncate(offset=0.25, duration=1.5).with_id("cut")]
    corpus = read(write_cuts(tmp_path, *cuts), "corpus")
    assert stretches(corpus) == [("talk", None, 0.0, None, None), ("a", "A", 0.5, 1.5, None)]
    assert {item.part for item in corpus.items} == {"valid"}


def test_uncompressed_cuts_are_no_table(tmp_path: Path) -> None:
    lhotse.CutSet.from_cuts([recording(tmp_path).to_cut()]).to_file(tmp_path / "x.jsonl")
    assert read(tmp_path / "x.jsonl").form == "lhotse"


def test_cuts_that_are_no_stretch_of_a_file(tmp_path: Path) -> None:
    cut = recording(tmp_path).to_cut()
    command = lhotse.audio.AudioSource("command", [0], "cat talk.wav")
    piped = lhotse.utils.fastcopy(cut, recording=lhotse.utils.fastcopy(cut.recording, sources=[command]))
    for wrong, complaint in (
        (cut.pad(duration=5.0), "cuts_dev.jsonl.gz:1: a MixedCut"),
        (recording(tmp_path, "stereo", 2).to_cut(), "cuts_dev.jsonl.gz:1: a MultiCut"),
        (cut.perturb_speed(0.9), "talk_sp0.9 is changed when it is read"),
        (piped, "talk is of type 'command'"),
    ):
        with pytest.raises(XlplError) as caught:
            read(write_cuts(tmp_path, wrong))
        assert complaint in str(caught.value)


def test_damaged_manifests(tmp_path: Path) -> None:
    write(tmp_path, [recording(tmp_path)], [segment("a", 0, 1), segment("b", 0, 1, of="lost")])
    with pytest.raises(XlplError, match=r"test_supervisions_train.jsonl.gz:2: no recording 'lost'"):
        read(tmp_path)
    file = tmp_path / "test_supervisions_train.jsonl.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(XlplError, match=r"test_supervisions_train.jsonl.gz:1: lhotse cannot read it"):
        read(tmp_path)
    (tmp_path / "y.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(XlplError, match=r"y.jsonl.gz:1: lhotse cannot read it"):
        read(tmp_path / "y.jsonl.gz")


def test_without_lhotse_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_cuts(tmp_path, recording(tmp_path).to_cut())
    monkeypatch.setitem(sys.modules, "lhotse.serialization", None)
    with pytest.raises(XlplError, match=r"lhotse cannot be imported(.|\n)*pip install 'xlpl\[lhotse\]'"):
        read(file)


@pytest.mark.parametrize("name", ["ljspeech", "librispeech", "mls"])
def test_lhotse_prepares_what_is_read_here(tmp_path: Path, name: str) -> None:
    """Its recipe for a real corpus takes our layout of it, and both ways lead to the same utterances."""
    clips = layouts.make_clips(tmp_path / "clips", 6, seconds=0.3)
    source = getattr(layouts, name)(tmp_path / "mls_polish", clips)
    speakers = [(clip.speaker, "F") for clip in clips]
    layouts.write_rows(source / "metainfo.txt", [("SPEAKER", "GENDER"), *speakers], "|")
    options: dict[str, Any] = {
        "librispeech": {"dataset_parts": ["train-clean", "dev-clean", "test-clean"]},
        "mls": {"opus": False},
    }.get(name, {})
    where = tmp_path if name == "mls" else source
    getattr(recipes, f"prepare_{name}")(where, output_dir=tmp_path / "manifests", **options)
    ours, theirs = read(source), read(tmp_path / "manifests")
    assert (ours.form, theirs.form) == (name, "lhotse")
    assert len(ours.items) == len(clips)
    assert facts(ours) == facts(theirs)


def test_data_folder_of_kaldi_that_lhotse_writes(tmp_path: Path) -> None:
    recordings, rows = [recording(tmp_path)], [segment("a", 0.5, 1.5), segment("b", 1, 2.25)]
    write(tmp_path, recordings, rows)
    sets = lhotse.RecordingSet.from_recordings(recordings), lhotse.SupervisionSet.from_segments(rows)
    lhotse.kaldi.export_to_kaldi(*sets, tmp_path / "s5" / "data")
    ours = read(tmp_path / "s5" / "data")
    assert ours.form == "kaldi"
    assert facts(ours) == facts(read(tmp_path))


def facts(corpus: Corpus) -> set[tuple[Any, ...]]:
    """What is known of each utterance; of LJ Speech lhotse takes the text that is not normalised."""
    rows = corpus.items
    return {(row.id, str(row.text).lower(), row.speaker, row.audio, row.start, row.end, row.channel) for row in rows}
