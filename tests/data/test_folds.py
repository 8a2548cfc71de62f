"""How recordings are divided among acoustic models that each leave out a part."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.segments import Segment, Segments
from xlpl_plugin.data.split import Folds
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError

NAMES = [f"u{number}" for number in range(9)]


def write(folder: Path) -> None:
    rows = tuple(Utterance(f"{name}.wav", 16_000) for name in NAMES)
    write_manifest(folder, "train", Manifest(folder / "audio", rows))


def parts(folds: Folds, count: int) -> list[set[str]]:
    return [{NAMES[row] for row in folds.rows(NAMES, fold)[0]} for fold in range(1, count + 1)]


@pytest.mark.parametrize("count", [2, 3, 9])
def test_every_utterance_is_in_one_fold_and_folds_are_of_one_size(tmp_path: Path, count: int) -> None:
    write(tmp_path)
    found = parts(Folds(tmp_path, "train", count), count)
    assert sorted(name for part in found for name in part) == NAMES
    assert {len(part) for part in found} <= {9 // count, -(-9 // count)}
    assert found == parts(Folds(tmp_path, "train", count), count)
    own, others = Folds(tmp_path, "train", count).rows(NAMES[::2], 1)
    assert sorted(own + others) == list(range(5))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_pieces_of_a_recording_stay_together(tmp_path_factory: pytest.TempPathFactory, recordings: list[int]) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    write(folder)
    rows = (Segment(name, f"r{number}", 0.0, 1.0) for name, number in zip(NAMES, recordings, strict=True) if number)
    Segments(tuple(rows)).write(folder)
    groups = [recording or name for name, recording in zip(NAMES, recordings, strict=True)]
    if len(set(groups)) < 2:
        with pytest.raises(XlplError, match="2 folds, but 1 recordings"):
            Folds(folder, "train", 2)
        return
    first, second = parts(Folds(folder, "train", 2), 2)
    assert first
    assert second
    assert first | second == set(NAMES)
    assert not {groups[NAMES.index(name)] for name in first} & {groups[NAMES.index(name)] for name in second}
