"""Kaldi's data folders: segments, speakers, channels; commands are refused, never run."""

from __future__ import annotations

from pathlib import Path

import pytest

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.data.items import Item
from xlpl_plugin.errors import XlplError

FILES = {
    "wav.scp": "call1-A wav/call1.wav\ncall1-B wav/call1.wav\n",
    "segments": "ann-1 call1-A 0.5 2.25\nbob-1 call1-B 2 -1\n",
    "text": "ann-1 one  two\nbob-1\n",
    "utt2spk": "ann-1 ann\nbob-1 bob\n",
    "reco2file_and_channel": "call1-A call1 A\ncall1-B call1 B\n",
}


def write(folder: Path, **files: str) -> Path:
    for name, content in {**FILES, **files}.items():
        if content:
            (folder / name.replace("wav_scp", "wav.scp")).write_text(content)
    return folder


def read(folder: Path, **files: str) -> list[Item]:
    return read_corpus(write(folder, **files), work=folder / "work").items


def test_segments_of_a_call_of_two_channels(tmp_path: Path) -> None:
    call = tmp_path / "wav" / "call1.wav"
    assert read(tmp_path) == [
        Item("ann-1", call, "one  two", "", "ann", 0.5, 2.25, 0),
        Item("bob-1", call, None, "", "bob", 2.0, None, 1),
    ]


def test_without_segments_recordings_are_utterances(tmp_path: Path) -> None:
    write(tmp_path, text="call1-A one\nlost two\n", utt2spk="call1-A call1-A\ncall1-B call1-B\n")
    for name in ("segments", "reco2file_and_channel"):
        (tmp_path / name).unlink()
    corpus = read_corpus(tmp_path, work=tmp_path / "work")
    assert [(item.id, item.text, item.speaker) for item in corpus.items] == [
        ("call1-A", "one", ""),  # each utterance its own speaker: nobody knows who speaks
        ("call1-B", None, ""),
    ]
    assert corpus.passed_over == {"lines of text without a recording": 1}


def test_paths_from_the_folder_that_the_recipe_ran_in(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "call1.wav").touch()
    (tmp_path / "data" / "train").mkdir(parents=True)
    write(tmp_path / "data" / "train")
    items = read_corpus(tmp_path / "data", work=tmp_path, division="corpus").items
    assert [(item.audio, item.part) for item in items] == [(tmp_path / "wav" / "call1.wav", "train")] * 2


def test_commands_are_never_run(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"wav.scp:2: a command stands where a file belongs: touch") as caught:
        read(tmp_path, wav_scp=f"call1-A a.wav\ncall1-B touch {tmp_path}/ran |\n")
    assert "no command in a file is ever run" in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"wav_scp": "call1-A a.ark:123\n"}, "wav.scp:1: no path of a recording: 'a.ark:123'"),
        ({"wav_scp": "call1-A\n"}, "wav.scp:1: no path of a recording: ''"),
        ({"wav_scp": "call1-A a\ncall1-A b\n"}, "wav.scp:2: duplicate id 'call1-A', first on line 1"),
        ({"segments": "u call2 0 1\n"}, "segments:1: no recording 'call2'"),
        ({"segments": "u call1-A 0\n"}, "segments:1: 3 cells"),
        ({"segments": "u call1-A 0 x\n"}, "segments:1: end is 'x'"),
        ({"segments": "u call1-A 2 1\n"}, "segments:1: u ends at 1 s, and begins at 2 s"),
        ({"segments": "u call1-A 0 1\nu call1-A 1 2\n"}, "segments:2: duplicate id 'u', first on line 1"),
        ({"segments": "../u call1-A 0 1\n"}, "segments:1: unusable id '../u'"),
        ({"reco2file_and_channel": "call1-A call1 left\n"}, "reco2file_and_channel:1: channel 'left'"),
    ],
)
def test_bad_files(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    with pytest.raises(XlplError) as caught:
        read(tmp_path, **files)
    assert complaint in str(caught.value)
