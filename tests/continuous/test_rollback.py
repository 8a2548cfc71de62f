"""After a collapse the training stands at its last good checkpoint, whatever was saved since, and says why."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from xlpl_plugin.continuous.collapse import Collapse
from xlpl_plugin.continuous.rollback import former_collapse, propose_good, roll_back, settle_good
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.checkpoint import checkpoint_updates, read_checkpoint

REASON = "the labels have 0.9 units a second, 9.1 when the cache was filled"
NOW, THEN = {"pl_length": 0.9}, {"pl_length": 9.1, "pl_blank": 40.0}
COLLAPSE = (95, REASON, NOW, THEN)
RECORD = Collapse(*COLLAPSE, rolled_back_to=60)


def save(folder: Path, update: int, *copies: str) -> Path:
    """Save as fairseq does: one file, copied in place to the other names, the last one last."""
    state = {"model": {"weight": torch.full((50,), float(update))}, "optimizer_history": [{"num_updates": update}]}
    first, *others = [*copies, "checkpoint_last.pt"]
    torch.save(state, folder / first)
    for name in others:
        shutil.copyfile(folder / first, folder / name)
    return folder / "checkpoint_last.pt"


def keep_good(checkpoint: Path) -> Path:
    propose_good(checkpoint)
    settle_good(checkpoint.parent, healthy=True)
    return checkpoint.with_name("checkpoint_good.pt")


def train(folder: Path) -> Path:
    """A training that was healthy at update 60 and has saved twice since."""
    folder.mkdir()
    save(folder, 40, "checkpoint_2_40.pt", "checkpoint1.pt", "checkpoint.best_uer_0.2000.pt")
    keep_good(save(folder, 60, "checkpoint_3_60.pt"))
    save(folder, 80, "checkpoint_4_80.pt", "checkpoint_best.pt")
    save(folder, 90, "checkpoint_5_90.pt", "checkpoint5.pt", "checkpoint.best_uer_0.1000.pt")
    return folder


def collapse(folder: Path) -> int:
    return roll_back(folder, *COLLAPSE)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


LEFT = [
    *["checkpoint.best_uer_0.2000.pt", "checkpoint1.pt", "checkpoint_2_40.pt", "checkpoint_3_60.pt"],
    *["checkpoint_good.pt", "checkpoint_last.pt", "collapse.json"],
]


def test_later_checkpoints_go_and_the_good_one_is_the_last(tmp_path: Path) -> None:
    folder = train(tmp_path / "checkpoints")
    assert collapse(folder) == 60
    assert names(folder) == LEFT
    for name in ("checkpoint_last.pt", "checkpoint_good.pt"):
        assert checkpoint_updates(read_checkpoint(folder / name)) == 60
    assert Collapse.read(folder / "collapse.json") == RECORD
    assert former_collapse(folder) == RECORD


def test_a_good_checkpoint_is_a_copy_that_later_saves_leave_alone(tmp_path: Path) -> None:
    good = keep_good(save(tmp_path, 10))
    kept = good.read_bytes()
    save(tmp_path, 20, "checkpoint_1_20.pt")  # writes into the file checkpoint_last.pt
    assert good.read_bytes() == kept


def test_a_checkpoint_is_good_once_labels_of_its_own_weights_were(tmp_path: Path) -> None:
    good = keep_good(save(tmp_path, 10))
    propose_good(save(tmp_path, 20))
    propose_good(save(tmp_path, 30))  # no labels since update 20
    assert checkpoint_updates(read_checkpoint(good)) == 10
    settle_good(tmp_path, healthy=True)
    settle_good(tmp_path, healthy=True)
    assert checkpoint_updates(read_checkpoint(good)) == 20
    propose_good(save(tmp_path, 40))
    settle_good(tmp_path, healthy=False)
    settle_good(tmp_path, healthy=True)
    assert checkpoint_updates(read_checkpoint(good)) == 20
    propose_good(save(tmp_path, 50))
    assert roll_back(tmp_path, 55, REASON, NOW, THEN) == 20
    assert names(tmp_path) == ["checkpoint_good.pt", "checkpoint_last.pt", "collapse.json"]


def test_a_checkpoint_that_was_cut_off_does_not_replace_the_good_one(tmp_path: Path) -> None:
    good = keep_good(save(tmp_path, 10))
    last = save(tmp_path, 20)
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(XlplError, match=r"checkpoint_last\.pt: no whole checkpoint"):
        keep_good(last)
    assert checkpoint_updates(read_checkpoint(good)) == 10


def test_a_later_checkpoint_that_was_cut_off_goes_too(tmp_path: Path) -> None:
    folder = train(tmp_path / "checkpoints")
    best = folder / "checkpoint_best.pt"
    best.write_bytes(best.read_bytes()[:-100])
    collapse(folder)
    assert names(folder) == LEFT


def test_without_a_good_checkpoint_the_reason_is_told_and_nothing_changes(tmp_path: Path) -> None:
    save(tmp_path, 90, "checkpoint_5_90.pt")
    with pytest.raises(XlplError, match=r"collapsed at update 95.* no good checkpoint.*0\.9 units a second"):
        collapse(tmp_path)
    assert names(tmp_path) == ["checkpoint_5_90.pt", "checkpoint_last.pt"]


def test_a_good_checkpoint_that_cannot_be_it_is_refused(tmp_path: Path) -> None:
    folder = train(tmp_path / "checkpoints")
    with pytest.raises(XlplError, match=r"checkpoint_good\.pt: .*saved at update 60, by another training.*0\.9 units"):
        roll_back(folder, 50, REASON, NOW, THEN)
    good = folder / "checkpoint_good.pt"
    good.write_bytes(good.read_bytes()[:-100])
    with pytest.raises(XlplError, match=r"checkpoint_good\.pt: .*cannot be read.*0\.9 units a second"):
        collapse(folder)
    assert checkpoint_updates(read_checkpoint(folder / "checkpoint_last.pt")) == 90


def test_a_training_without_a_collapse_has_no_record(tmp_path: Path) -> None:
    assert former_collapse(tmp_path / "not there yet") is None
    save(tmp_path, 10)
    assert former_collapse(tmp_path) is None


def test_a_training_goes_on_when_the_record_is_removed(tmp_path: Path) -> None:
    folder = train(tmp_path / "checkpoints")
    collapse(folder)
    (folder / "collapse.json").unlink()
    assert former_collapse(folder) is None
    # and collapses once more before it has saved anything
    assert roll_back(folder, 99, REASON, NOW, THEN) == 60


@pytest.mark.parametrize("text", ["[]", '{"update": 3}', "{"])
def test_a_record_of_another_form_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "collapse.json").write_text(text)
    with pytest.raises(XlplError, match=r"collapse\.json: not "):
        former_collapse(tmp_path)


@pytest.mark.slow
def test_a_kill_at_any_moment_is_mended_by_the_next_start(tmp_path: Path, server: Any) -> None:
    words = [json.dumps(word) for word in COLLAPSE]
    for call in range(1, 50):
        folder = train(tmp_path / str(call))
        server.begin(tmp_path / f"{call}.log", "killed_roll_back:main", str(call), str(folder), *words)
        if (status := server.end()) == 0:
            break
        assert status == -signal.SIGKILL
        found = former_collapse(folder)
        if found is None:  # killed before it was decided: the training goes on and collapses again
            assert call == 1
            assert checkpoint_updates(read_checkpoint(folder / "checkpoint_last.pt")) == 90
            collapse(folder)
        assert former_collapse(folder) == RECORD
        assert [name for name in names(folder) if not name.endswith(".part")] == LEFT
    assert call > 8  # a plan, a copy, five files removed, a record
