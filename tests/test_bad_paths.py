"""Paths that the system refuses end every verb in the same kind of error: the path, what was expected, what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, copy_file, iter_lines, make_folder, must_exist, new_output, read_json, sha256

TOO_LONG = "x" * 300


def xlpl(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from xlpl_plugin.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("no one\n")
    return file


@pytest.mark.parametrize("out", ["text.txt/below", f"{TOO_LONG}/out", "/proc/nope/out"])
@pytest.mark.parametrize(
    "verb",
    [
        ("lexicon", "TEXT", "--out", "OUT"),
        ("prepare", "text", "TEXT", "--language", "it", "--out", "OUT"),
        ("prepare", "manifest", "AUDIO", "--language", "it", "--out", "OUT"),
        ("prepare", "units", "TEXT", "--out", "OUT"),
    ],
    ids=lambda verb: verb[0] if verb[0] != "prepare" else verb[1],
)
def test_outputs_that_cannot_be_made(tmp_path: Path, text: Path, verb: tuple[str, ...], out: str) -> None:
    write_audio(tmp_path / "audio" / "a.flac", np.zeros(16_000, np.float32))
    given = {"TEXT": text, "AUDIO": tmp_path / "audio", "OUT": tmp_path / out}
    done = xlpl(*(given.get(word, word) for word in verb))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "expected: " in done.stderr
    assert "to do: " in done.stderr


def test_inputs_that_are_folders(tmp_path: Path) -> None:
    for read in (
        read_json,
        lambda path: list(iter_lines(path)),
        sha256,
        lambda path: copy_file(path, tmp_path / "copy"),
    ):
        with pytest.raises(XlplError, match=r"is a directory(.|\n)*expected"):
            read(tmp_path)
    assert not (tmp_path / "copy").exists()


def test_names_that_are_too_long(tmp_path: Path) -> None:
    for use in (lambda path: must_exist(path, "a file"), new_output, make_folder):
        with pytest.raises(XlplError, match="name too long"):
            use(tmp_path / TOO_LONG)


def test_nothing_is_left_of_a_file_that_cannot_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(XlplError, match="is a directory"), atomic_open(tmp_path / "out") as stream:
        stream.write("lost")
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("other", ["other.txt", "missing/other.txt"])
def test_another_file_that_cannot_be_read_while_one_is_written(tmp_path: Path, other: str) -> None:
    with pytest.raises(FileNotFoundError, match=other), atomic_open(tmp_path / "out") as stream:
        stream.write((tmp_path / other).read_text())
    assert os.listdir(tmp_path) == []


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = f"{sys.executable} -c 'from xlpl_plugin.cli import main; main()' --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
