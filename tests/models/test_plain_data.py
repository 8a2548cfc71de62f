"""What a checkpoint may hold beside tensors: numbers of NumPy, configurations of OmegaConf, and nothing that runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairseq import checkpoint_utils
from omegaconf import ListConfig, OmegaConf

from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.checkpoint import average_checkpoints, extract_model, read_checkpoint

Save = Callable[..., Path]
SYMBOLS = ("|", "a", "b", "c")
NUMBERS = [np.float64(1.5), np.float32(2.5), np.float16(0.5), np.int64(-3), np.int32(7), np.uint8(9), np.bool_(True)]


class Hostile:
    """Unpickling this creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.victim),)


def with_containers(save: Save, path: Path, seed: int = 0) -> Path:
    """A checkpoint as earlier versions of fairseq wrote them: its configuration is one container of OmegaConf."""
    state = read_checkpoint(save(path, SYMBOLS, seed))
    cfg = OmegaConf.create(state["cfg"])
    cfg.task.update({"seed": "${common.seed}", "mix": ["/somewhere/en"], "mix_weights": [0.5]})
    OmegaConf.set_struct(cfg, True)
    changes = {
        "cfg": cfg,
        "extra_state": {"train_iterator": {"epoch": 1}, "val_loss": np.float64(3.25), "best": NUMBERS},
    }
    return save(path, SYMBOLS, seed, changes=changes)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_configurations_and_numbers_are_read(tmp_path: Path, save: Save, zipped: bool) -> None:
    path = with_containers(save, tmp_path / "am.pt")
    written = torch.load(path, weights_only=False)
    torch.save(written, path, _use_new_zipfile_serialization=zipped)
    state = read_checkpoint(path)
    assert type(state["cfg"]) is type(state["cfg"]["task"]) is dict
    assert state["cfg"] == OmegaConf.to_container(written["cfg"], resolve=True)
    assert (state["cfg"]["task"]["seed"], state["cfg"]["task"]["mix"]) == (1, ["/somewhere/en"])
    assert state["extra_state"]["best"] == NUMBERS
    assert [type(number) for number in state["extra_state"]["best"]] == [type(number) for number in NUMBERS]
    assert load_acoustic_model(path).units[4:] == SYMBOLS
    assert checkpoint_utils.load_checkpoint_to_cpu(str(path))["extra_state"]["val_loss"] == 3.25


def test_weights_alone_of_such_a_checkpoint_name_no_folder(tmp_path: Path, save: Save) -> None:
    paths = [with_containers(save, tmp_path / f"{seed}.pt", seed) for seed in (1, 2)]
    extract_model(paths[0], tmp_path / "model.pt")
    average_checkpoints(paths, tmp_path / "mean.pt")
    for name in ("model.pt", "mean.pt"):
        assert read_checkpoint(tmp_path / name)["cfg"]["task"]["mix"] == []
        assert b"/somewhere" not in (tmp_path / name).read_bytes()


def test_an_interpolation_that_leads_nowhere_is_told(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "am.pt", SYMBOLS, changes={"cfg": OmegaConf.create({"task": {"seed": "${common.seed}"}})})
    with pytest.raises(XlplError, match=r"am\.pt: cannot be read: .*common\.seed"):
        read_checkpoint(path)


@pytest.mark.parametrize("hide", ["in a dictionary", "in a list", "in its metadata", "in a number"])
def test_what_runs_stays_refused_inside_of_them(tmp_path: Path, save: Save, hide: str) -> None:
    victim = tmp_path / "executed"
    cfg, value = OmegaConf.create({"a": {"b": [1]}}), NUMBERS[0]
    hidden: Any = {"cfg": cfg, "best": value}
    if hide == "in a dictionary":
        cfg.a._get_node("b")._content[0]._val = Hostile(victim)
    elif hide == "in a list":
        hidden["cfg"] = ListConfig([1])
        hidden["cfg"].__dict__["_content"].append(Hostile(victim))
    elif hide == "in its metadata":
        cfg._metadata.object_type = Hostile(victim)
    else:
        hidden["best"] = argparse.Namespace(best=[value, Hostile(victim)])
    path = save(tmp_path / "evil.pt", SYMBOLS, changes={"extra_state": hidden})
    with pytest.raises(XlplError, match=r"evil\.pt: refused to load: .*mkdir"):
        read_checkpoint(path)
    with pytest.raises(Exception, match="mkdir"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert not victim.exists()


@pytest.mark.parametrize("other", [Path("/etc"), OmegaConf, np.ones(2), slice(1)], ids=lambda value: str(type(value)))
def test_other_classes_are_refused_by_name(tmp_path: Path, save: Save, other: Any) -> None:
    name = other.__name__ if isinstance(other, type) else {np.ndarray: "_reconstruct"}.get(type(other))
    path = save(tmp_path / "am.pt", SYMBOLS, changes={"extra_state": OmegaConf.create({}), "last": [other]})
    with pytest.raises(XlplError, match=rf"am\.pt: refused to load: .*{name or type(other).__name__}"):
        read_checkpoint(path)
