"""`xlpl check`: one folder that is in order, and each way of breaking it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.cli.check import command
from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.units import write_units
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError

WAVEFORM = np.random.default_rng(1).uniform(-0.2, 0.2, 8_000).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """train: a/1 and a/2; test: b/1. All is well."""
    rows = {
        "train": [("a/1", "one two", "o n e | t w o |"), ("a/2", "six", "s i x |")],
        "test": [("b/1", "no", "n o |")],
    }
    for split, entries in rows.items():
        utterances = tuple(Utterance(f"{name}.flac", len(WAVEFORM), words, units) for name, words, units in entries)
        for utterance in utterances:
            write_audio(tmp_path / "audio" / utterance.path, WAVEFORM)
        write_manifest(tmp_path, split, Manifest(tmp_path / "audio", utterances))
    write_units(tmp_path)
    return tmp_path


def check(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [str(folder), "--workers", "1", *words])


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return apply


def cut_audio(folder: Path) -> None:
    path = folder / "audio/a/2.flac"
    path.write_bytes(path.read_bytes()[:5000])


def resample_audio(folder: Path) -> None:
    soundfile.write(folder / "audio/a/2.flac", WAVEFORM, 8_000)


def make_stereo(folder: Path) -> None:
    soundfile.write(folder / "audio/a/2.flac", np.stack([WAVEFORM, WAVEFORM], axis=1), 16_000)


BREAKAGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing file": (lambda f: (f / "audio/a/2.flac").unlink(), "train.tsv:3: audio", "no such file"),
    "empty file": (lambda f: (f / "audio/a/2.flac").write_bytes(b""), "train.tsv:3: audio", "zero-length"),
    "truncated file": (cut_audio, "train.tsv:3: audio", "cannot be decoded"),
    "8 kHz": (resample_audio, "train.tsv:3: audio", "8000 Hz, 1 channels"),
    "stereo": (make_stereo, "train.tsv:3: audio", "16000 Hz, 2 channels"),
    "wrong length": (edit("train.tsv", "a/2.flac\t8000", "a/2.flac\t8001"), "train.tsv:3: audio", "8000 samples"),
    "malformed row": (edit("train.tsv", "a/2.flac\t", "a/2.flac "), "train.tsv:3: manifest", "cannot read the row"),
    "duplicate id": (edit("train.tsv", "a/2.flac", "a/1.wav"), "train.tsv:3: manifest", "duplicate id 'a/1'"),
    "fewer labels": (edit("train.ltr", "s i x |\n", ""), "train.ltr:2: manifest", "1 lines, but train.tsv has 2"),
    "more words": (edit("train.wrd", "six", "six\nseven"), "train.wrd:3: manifest", "3 lines"),
    "unknown symbol": (edit("train.ltr", "s i x", "s ï x"), "train.ltr:2: unknown symbol", "ï"),
    "another word count": (edit("train.ltr", "e | t", "e t"), "train.ltr:1: misaligned", "1 words here, 2 in the .wrd"),
    "no words": (edit("train.wrd", "six", ""), "train.wrd:2: empty label", "a/2 has no words"),
    "id in two parts": (edit("test.tsv", "b/1.flac", "a/1.flac"), "train.tsv:2: id in two parts", "test and train"),
    "sentence in two parts": (edit("test.wrd", "no", "six"), "train.wrd:2: sentence in two parts", "test and train"),
    "no dictionary": (lambda f: (f / "dict.ltr.txt").unlink(), "dict.ltr.txt: dictionary", "no such file"),
    "bad dictionary": (edit("dict.ltr.txt", "a 1", "b 1"), "dict.ltr.txt:", "cannot use the line 'b 1'"),
}


def test_no_folder_and_no_manifest(tmp_path: Path) -> None:
    for path, message in ((tmp_path / "nowhere", "no such file"), (tmp_path, "no .tsv")):
        result = check(path)
        assert isinstance(result.exception, XlplError)
        assert message in str(result.exception)


@pytest.mark.parametrize("name", BREAKAGES)
def test_each_breakage_is_found_where_it_is(folder: Path, name: str) -> None:
    breakage, place, problem = BREAKAGES[name]
    breakage(folder)
    result = check(folder)
    assert result.exit_code == 1
    findings = [line for line in result.output.splitlines() if place in line]
    assert findings, result.output
    assert problem in findings[0]


def test_all_findings_are_reported_not_only_the_first(folder: Path) -> None:
    for name in ("missing file", "unknown symbol", "sentence in two parts"):
        BREAKAGES[name][0](folder)
    report = json.loads(check(folder, "--json").stdout)
    kinds = {finding["kind"] for finding in report["findings"]}
    assert kinds == {"audio", "unknown symbol", "sentence in two parts"}


def test_a_truncated_file_is_found_by_its_header(folder: Path) -> None:
    cut_audio(folder)
    assert check(folder, "--quick").exit_code == 1


def test_damage_inside_a_file_needs_decoding(folder: Path) -> None:
    path = folder / "audio/a/2.flac"
    content = bytearray(path.read_bytes())
    content[3000:3400] = bytes(400)
    path.write_bytes(content)
    assert check(folder, "--quick").exit_code == 0
    assert check(folder).exit_code == 1


def test_a_folder_in_order(folder: Path) -> None:
    result = check(folder, "--json")
    assert result.exit_code == 0
    splits = {"test": [1, 0.5], "train": [2, 1.0]}
    assert json.loads(result.stdout) == {"splits": splits, "speakers": {}, "findings": [], "remarks": []}
    assert "0 findings" in check(folder).output


def test_an_unlabelled_folder_is_in_order(folder: Path) -> None:
    for suffix in ("wrd", "ltr"):
        for split in ("train", "test"):
            (folder / f"{split}.{suffix}").unlink()
    assert check(folder).exit_code == 0
