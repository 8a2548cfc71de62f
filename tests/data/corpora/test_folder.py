"""A folder of recordings: what is read, and what is passed over and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.data.corpora.listing import Corpus
from xlpl_plugin.errors import XlplError


def read(folder: Path) -> Corpus:
    return read_corpus(folder, work=folder / "work")


def write(*files: Path) -> None:
    for file in files:
        write_audio(file, np.full(1600, 0.1, np.float32))


def test_what_is_passed_over_is_counted_by_suffix(tmp_path: Path) -> None:
    write(tmp_path / "a.flac", tmp_path / "b c" / "d.flac")
    (tmp_path / "b c" / "d.flac").rename(tmp_path / "b c" / "d.FLAC")
    for name in ("a.txt", "notes.txt", "x.pdf", "y.PDF", "README", "._a.flac", ".git/z.flac", "list.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one\ntwo\n")
    corpus = read(tmp_path)
    assert [(item.id, item.text) for item in corpus.items] == [("a", "one two"), ("b c/d", None)]
    assert corpus.passed_over == {".txt": 1, ".pdf": 2, "files without suffix": 1, ".tsv": 1}
    assert any(".tsv" in note and "name it" in note for note in corpus.notes)


def test_linked_folders_are_followed_without_circles(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "a.flac", tmp_path / "in" / "b.flac")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    corpus = read(tmp_path / "in")
    assert [item.id for item in corpus.items] == ["b", "linked/a"]
    assert f"{tmp_path}/in/linked/back leads to a folder that was read already" in corpus.notes


def test_a_link_beside_its_folder_changes_no_name(tmp_path: Path) -> None:
    write(tmp_path / "in" / "b" / "c" / "x.flac")
    (tmp_path / "in" / "a").symlink_to(tmp_path / "in" / "b" / "c")
    assert [item.id for item in read(tmp_path / "in").items] == ["b/c/x"]


def test_linked_recordings(tmp_path: Path) -> None:
    write(tmp_path / "store" / "1.flac")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.flac").symlink_to(tmp_path / "store" / "1.flac")
    assert [item.id for item in read(tmp_path / "in").items] == ["a"]


def test_two_recordings_of_one_name(tmp_path: Path) -> None:
    write(tmp_path / "a.flac")
    (tmp_path / "a.wav").touch()
    with pytest.raises(XlplError, match=r"a.wav: duplicate id 'a', first in .*a.flac"):
        read(tmp_path)
