"""How recordings are divided among the students of a round."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.data.manifest import Manifest, Utterance, read_manifest, write_manifest
from xlpl_plugin.data.segments import Segment, Segments
from xlpl_plugin.data.units import LETTERS, write_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.folds import Fold, Folds, divide_folds
from xlpl_plugin.run.plan.steps import Divide
from xlpl_plugin.stage import Stage

NAMES = [f"u{number}" for number in range(9)]


def write(folder: Path, split: str, names: list[str], *, labels: bool = False, seconds: int = 1) -> None:
    told = ("no", "n o |") if labels else (None, None)
    rows = tuple(Utterance(f"{name}.wav", 16_000 * seconds, *told, 1.0 + len(name) * labels) for name in names)
    write_manifest(folder, split, Manifest(folder / "audio", rows))


def parts(folds: Folds, count: int) -> list[set[str]]:
    return [{NAMES[row] for row in folds.rows(NAMES, fold)[0]} for fold in range(1, count + 1)]


@pytest.mark.parametrize("count", [2, 3, 9])
def test_every_utterance_is_in_one_fold_and_folds_are_of_one_size(tmp_path: Path, count: int) -> None:
    write(tmp_path, "train", NAMES)
    found = parts(Folds(tmp_path, "train", count), count)
    assert sorted(name for part in found for name in part) == NAMES
    assert {len(part) for part in found} <= {9 // count, -(-9 // count)}
    assert found == parts(Folds(tmp_path, "train", count), count)
    own, others = Folds(tmp_path, "train", count).rows(NAMES[::2], 1)
    assert sorted(own + others) == list(range(5))


@given(st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_pieces_of_a_recording_stay_together(tmp_path_factory: pytest.TempPathFactory, recordings: list[int]) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    write(folder, "train", NAMES)
    rows = (Segment(name, f"r{number}", 0.0, 1.0) for name, number in zip(NAMES, recordings, strict=True) if number)
    Segments(tuple(rows)).write(folder)
    groups = [recording or name for name, recording in zip(NAMES, recordings, strict=True)]
    if len(set(groups)) < 2:
        with pytest.raises(XlplError, match=r"2 folds .* but 1 recordings"):
            Folds(folder, "train", 2)
        return
    first, second = parts(Folds(folder, "train", 2), 2)
    assert first
    assert second
    assert first | second == set(NAMES)
    assert not {groups[NAMES.index(name)] for name in first} & {groups[NAMES.index(name)] for name in second}


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
        assert set(own.ids) | set(data.ids) == set(NAMES)
        assert own.root == Path(step.audio) / "audio"
        assert {(row.words, row.units, row.weight) for row in data.utterances} == {("no", "n o |", 3.0)}
        assert told[fold - 1] == Fold(len(own.ids), len(data.ids))
        for name in ("valid.tsv", "valid.wrd", "valid.ltr", "valid.weight", "dict.ltr.txt"):
            assert (step.data_of(fold) / name).read_bytes() == (Path(step.labels) / name).read_bytes()
        labelled += own.ids
        taught += data.ids
    assert sorted(labelled) == NAMES[1:]
    assert sorted(taught) == NAMES[:7]


def test_a_student_without_a_lesson_is_told(step: Divide) -> None:
    write(Path(step.labels), "train", ["u0"], labels=True)
    with pytest.raises(XlplError, match="student 1 of 2 has nothing to learn from"):
        divide_folds(step)
    write(Path(step.audio), "heard", ["u1"])
    with pytest.raises(XlplError, match="student 1 of 2 has nothing to label"):
        divide_folds(step)
