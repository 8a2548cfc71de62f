"""Checkpoints of old rounds go; never the only copy of a model, nor those of a round that is not finished."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.training.prune import prune
from xlpl_plugin.stage import Stage

HOMES = ("source", "source-2", "round-1", "round-2", "round-3", "round-4")


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    """Source models and four rounds, each with two checkpoints and its model; the last round is under way."""
    for home in HOMES:
        training = tmp_path / home / "training"
        (training / "checkpoints").mkdir(parents=True)
        (training / "train.log").write_text("{}")
        for name in ("checkpoint_best.pt", "checkpoint_last.pt"):
            torch.save({"last_optimizer_state": torch.zeros(500)}, training / "checkpoints" / name)
        torch.save({"model": torch.arange(100.0)}, tmp_path / home / "model.pt")
    return RunLayout(tmp_path)


def rounds(*numbers: int) -> list[Stage]:
    return [Stage.round(number) for number in numbers]


def trained(layout: RunLayout) -> set[str]:
    """The folders in which a checkpoint is left."""
    return {file.relative_to(layout.run).parts[0] for file in layout.run.glob("*/training/checkpoints/*.pt")}


def test_another_policy_is_refused(layout: RunLayout) -> None:
    with pytest.raises(XlplError, match=r"'oldest'.*\n.*old, all, none"):
        prune(layout, rounds(0, 1), Stage.round(0), "oldest")
    assert trained(layout) == set(HOMES)


@pytest.mark.parametrize(
    ("finished", "best", "policy", "left"),
    [
        ([0, 1, 2, 3], 1, "old", {"round-1", "round-3", "round-4"}),
        ([0, 1, 2, 3], None, "old", {"round-3", "round-4"}),
        ([0, 1, 2, 3], 0, "old", {"source", "source-2", "round-3", "round-4"}),
        ([0], 0, "old", set(HOMES)),
        ([], None, "old", set(HOMES)),
        ([0, 2], 2, "old", {"round-1", "round-2", "round-3", "round-4"}),
        ([0, 1, 2, 3], 1, "all", {"round-4"}),
        ([0, 1, 2, 3], 1, "none", set(HOMES)),
    ],
)
def test_policy_says_whose_checkpoints_stay(
    layout: RunLayout, finished: list[int], best: int | None, policy: str, left: set[str]
) -> None:
    sizes = {home: sum(f.stat().st_size for f in (layout.run / home).glob("training/*/*.pt")) for home in HOMES}
    stages, chosen = rounds(*finished), None if best is None else Stage.round(best)
    freed = prune(layout, stages, chosen, policy)
    assert trained(layout) == left
    assert freed == sum(sizes[home] for home in set(HOMES) - left)
    assert all((layout.run / home / "model.pt").exists() for home in HOMES)
    assert all((layout.run / home / "training/train.log").exists() for home in HOMES)
    assert prune(layout, stages, chosen, policy) == 0


@pytest.mark.parametrize("harm", ["missing", "cut", "changed", "older"])
def test_the_only_copy_is_kept(layout: RunLayout, harm: str) -> None:
    model = layout.stage(Stage.round(1)) / "model.pt"
    content = model.read_bytes()
    if harm == "missing":
        model.unlink()
    elif harm == "cut":
        model.write_bytes(content[:-100])
    elif harm == "changed":
        weights = torch.arange(100.0).numpy().tobytes()
        assert weights in content
        model.write_bytes(content.replace(weights, weights[::-1]))
    else:
        os.utime(model, (0, 0))
    prune(layout, rounds(0, 1, 2, 3), Stage.round(3))
    assert trained(layout) == {"round-1", "round-3", "round-4"}


def test_what_a_kill_left_goes_the_next_time(layout: RunLayout) -> None:
    folder = layout.stage(Stage.round(1)) / "training/checkpoints"
    (folder / "checkpoint_best.pt").unlink()
    (folder / "checkpoint_2_40.pt.tmp").write_bytes(b"half")
    os.utime(folder / "checkpoint_2_40.pt.tmp", (1, 1))
    (folder / "notes.txt").write_text("mine")
    prune(layout, rounds(0, 1, 2, 3), Stage.round(3))
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_all_students_of_a_round_are_pruned(layout: RunLayout) -> None:
    second = layout.stage(Stage.round(2)) / "voter-2"
    shutil.copytree(layout.stage(Stage.round(2)), second)
    assert prune(layout, rounds(0, 1, 2, 3), Stage.round(1)) > 0
    assert not list(second.rglob("checkpoint*.pt"))
    assert (second / "model.pt").exists()
