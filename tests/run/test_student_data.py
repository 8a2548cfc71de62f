"""What the students of a round with folds learn from, and what each of them labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import LETTERS, write_units
from xlpl_plugin.data.utterances import Utterance, utterance_id
from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.plan.steps import Divide
from xlpl_plugin.run.student_data import Fold, divide_folds
from xlpl_plugin.stage import Stage

NAMES = [f"u{number}" for number in range(9)]


def write(folder: Path, split: str, names: list[str], *, labels: bool = False) -> None:
    told = ("no", "n o |") if labels else (None, None)
    rows = tuple(Utterance(f"{name}.wav", 16_000, *told, 1.0 + len(name) * labels) for name in names)
    write_manifest(folder, split, Manifest(folder / "audio", rows))


@pytest.fixture
def step(tmp_path: Path) -> Divide:
    """A target of 9 recordings, of which the round labels 8 and its students learn from 7."""
    write(tmp_path / "it", "heard", NAMES)
    write(tmp_path / "sample", "heard", NAMES[1:])
    write(tmp_path / "data", "train", NAMES[:7], labels=True)
    write(tmp_path / "data", "valid", ["v0", "v1"], labels=True)
    write_units(tmp_path / "data", LETTERS)
    folders = {name: str(tmp_path / name) for name in ("out", "data")}
    options = {"data": str(tmp_path / "it"), "audio": str(tmp_path / "sample"), "labels": folders["data"]}
    return Divide(name="round-1/divide", stage=Stage.round(1), out=folders["out"], split="heard", folds=2, **options)


def test_a_student_learns_from_all_but_what_it_labels(step: Divide) -> None:
    told = divide_folds(step)
    labelled, taught = [], []
    for fold in (1, 2):
        own = read_manifest(step.audio_of(fold), "heard", labels=False)
        data = read_manifest(step.data_of(fold), "train")
        assert not set(own.ids) & set(data.ids)
        assert own.root == Path(step.audio) / "audio"
        assert {(row.words, row.units, row.weight) for row in data.utterances} == {("no", "n o |", 3.0)}
        assert told[fold - 1] == Fold(len(own.ids), len(data.ids))
        for name in ("valid.tsv", "valid.wrd", "valid.ltr", "valid.weight", "dict.ltr.txt"):
            assert (step.data_of(fold) / name).read_bytes() == (Path(step.labels) / name).read_bytes()
        labelled += own.ids
        taught += data.ids
    assert sorted(labelled) == NAMES[1:]
    assert sorted(taught) == NAMES[:7]


def test_all_stretches_of_a_recording_are_in_its_fold(step: Divide) -> None:
    labels = read_manifest(step.labels, "train")
    halves = ((0, 8_000), (8_000, 16_000))
    rows = tuple(replace(row, stretch=half) for row in labels.utterances for half in halves)
    write_manifest(step.labels, "train", replace(labels, utterances=rows))
    divide_folds(step)
    for fold in (1, 2):
        own = set(read_manifest(step.audio_of(fold), "heard", labels=False).ids)
        taught = read_manifest(step.data_of(fold), "train").utterances
        names = [utterance_id(row.path) for row in taught]
        assert [row.stretch for row in taught] == [*halves] * (len(taught) // 2)
        assert not own & set(names)
        assert names[::2] == names[1::2]


def test_a_student_without_a_lesson_is_told(step: Divide) -> None:
    write(Path(step.labels), "train", ["u0"], labels=True)
    with pytest.raises(XlplError, match="student 1 of 2 has nothing to learn from"):
        divide_folds(step)
    write(Path(step.audio), "heard", ["u1"])
    with pytest.raises(XlplError, match="student 1 of 2 has nothing to label"):
        divide_folds(step)
