"""Trainings on continuous pseudo-labels, by fairseq itself: what they refuse, how they collapse, what reads them."""

from __future__ import annotations

import gc
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

import xlpl_plugin.registry  # noqa: F401
from xlpl_plugin.continuous.collapse import Collapse
from xlpl_plugin.criterions.ctc import CtcConfig
from xlpl_plugin.models.checkpoint import checkpoint_updates, read_checkpoint
from xlpl_plugin.tasks.continuous import ContinuousTask, ContinuousTaskConfig

pytestmark = pytest.mark.slow
FILLED = 2


@pytest.fixture(scope="module")
def whole(training: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training whose cache is filled after two updates and loses nothing."""
    it = training(
        tmp_path_factory.mktemp("whole"),
        *(f"task.warm_up={FILLED}", f"checkpoint.save_interval_updates={FILLED}", "task.replace_prob=0"),
    )
    it.run(updates=4)
    return it


def test_labels_are_those_of_the_checkpoint_that_the_cache_was_filled_with(
    whole: Any, server: Any, folders: dict[str, Path], tmp_path: Path
) -> None:
    teacher = whole.checkpoints / f"checkpoint_1_{FILLED}.pt"
    words = [f"am={teacher}", f"data={folders['audio']}", "split=train", f"out={tmp_path / 'labels'}"]
    server.run(tmp_path / "label.log", "xlpl_plugin.cli:main", "label", *words)
    lines = (tmp_path / "labels" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    heard = {record["id"]: record["greedy"] for record in map(json.loads, lines)}
    cached = cached_labels(whole.last, [line.split("\t")[0] for line in rows(folders["audio"])])
    assert len(cached) > 2
    assert any(cached.values())
    for name, label in cached.items():
        assert label == heard[name.removesuffix(".flac")].split()


def test_generate_reads_the_checkpoint(whole: Any, server: Any, folders: dict[str, Path], tmp_path: Path) -> None:
    words = [str(folders["labelled"]), "--user-dir", str(Path(__file__).parents[2] / "xlpl_plugin"), "--cpu"]
    words += ["--task", "xlpl_asr", "--path", str(whole.last), "--gen-subset", "valid", "--max-tokens", "100000"]
    said = server.run(tmp_path / "generate.log", "fairseq_cli.generate:cli_main", *words)
    assert sorted(re.findall(r"^H-(\d+)", said, re.MULTILINE)) == ["0", "1"]


def test_cache_holds_no_audio(whole: Any, folders: dict[str, Path]) -> None:
    (own,) = read_checkpoint(whole.last)["extra_state"]["ContinuousTask"]["holdings"]
    held = sum(value.numel() * value.element_size() for value in own["batches"].values())
    samples = [int(line.split("\t")[1]) for line in rows(folders["audio"])]
    audio = 4 * sum(samples[row] for row in own["batches"]["rows"].tolist())
    assert own["batches"]["sizes"].numel() == 3
    assert held < audio / 100


@pytest.mark.parametrize("lost", ["by xlpl_asr", "on request"])
def test_going_on_without_the_cache_is_refused(
    lost: str, whole: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    it = training(tmp_path / "run")
    it.checkpoints.mkdir(parents=True)
    state = read_checkpoint(whole.last)
    if lost == "by xlpl_asr":  # what it leaves in a checkpoint
        state["extra_state"]["AsrTask"] = {"units": state["extra_state"].pop("ContinuousTask")["units"]}
    torch.save(state, it.last)
    said = it.run(*(["checkpoint.reset_dataloader=true"] if lost == "on request" else []), updates=8, status=1)
    assert "goes on at update 4, but its checkpoint holds no cache" in said
    assert "begin in a new checkpoint.save_dir" in said
    assert not it.windows()


def test_the_cache_of_another_training_is_refused(
    whole: Any, training: Callable[..., Any], folders: dict[str, Path], tmp_path: Path
) -> None:
    others = (f"task.unlabelled={folders['labelled']}", "task.cache_size=4", "common.seed=2")
    it = training(tmp_path / "run", *others)
    it.checkpoints.mkdir(parents=True)
    shutil.copy(whole.last, it.last)
    said = it.run(updates=8, status=1)
    assert "another training's: recordings, cache_size, seed differ" in said
    assert not it.windows()


def test_after_a_collapse_the_last_good_checkpoint_is_back_and_the_end_is_final(
    training: Callable[..., Any], tmp_path: Path
) -> None:
    """A learning rate far too high makes the model fall silent."""
    wild = ("optimization.lr=[0.05]", "task.replace_prob=1", "task.cache_size=2")
    guard = ("task.no_guard=false", "task.guard_window=2", "checkpoint.save_interval_updates=1")
    it = training(tmp_path / "run", *wild, *guard)
    said = it.run(updates=60)
    record = Collapse.read(it.checkpoints / "collapse.json")
    words = f"collapse at update {record.update}: {record.reason}"
    assert words in said.splitlines()[-1]
    assert "done training in" not in said
    assert checkpoint_updates(read_checkpoint(it.last)) == record.rolled_back_to < record.update
    assert not (it.checkpoints / "checkpoint_candidate.pt").exists()
    assert it.last.read_bytes() == (it.checkpoints / "checkpoint_good.pt").read_bytes()
    saved = [int(file.stem.rpartition("_")[2]) for file in it.checkpoints.glob("checkpoint_*_*.pt")]
    assert max(saved) <= record.rolled_back_to

    updates = len(it.windows())
    again = it.run(updates=60)[len(said) :]
    assert words in again.splitlines()[-1]
    assert len(it.windows()) == updates


class Optimizer:
    """As much of one as a step of the task needs."""

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()


def alive() -> int:
    """Return how many numbers the parameters of all models have."""
    return sum(thing.numel() for thing in gc.get_objects() if type(thing) is nn.Parameter)


def test_no_second_model_labels(folders: dict[str, Path], tmp_path: Path) -> None:
    own = {"data": str(folders["labelled"]), "unlabelled": str(folders["audio"]), "save_dir": str(tmp_path)}
    others = {"seed": 1, "train_subset": "train", "finetune_from_model": None, "no_guard": True}
    others |= {"restore_file": "checkpoint_last.pt", "best_checkpoint_metric": "uer"}
    config = ContinuousTaskConfig(**own, **others, cache_size=2, replace_prob=1.0)
    task = ContinuousTask(OmegaConf.structured(config))
    task.load_dataset("train")
    task.get_batch_iterator(task.dataset("train"), max_tokens=40_000)
    size = {"dim": 16, "layers": 1, "heads": 2, "ffn_dim": 16, "num_mels": 16}
    model = task.build_model(OmegaConf.create({"_name": "xlpl_transformer_ctc", **size}))
    criterion = task.build_criterion(OmegaConf.create({**vars(CtcConfig()), "_name": "xlpl_ctc", "sentence_avg": True}))
    gc.collect()
    before = alive()
    logged = [task.train_step({}, model, criterion, Optimizer(), update)[2] for update in range(4)]
    assert sum(told["_replaced"] for told in logged) == 2
    assert alive() == before >= sum(own.numel() for own in model.parameters())


def rows(folder: Path) -> list[str]:
    return (folder / "train.tsv").read_text().splitlines()[1:]


def cached_labels(checkpoint: Path, names: list[str]) -> dict[str, list[str]]:
    mine = read_checkpoint(checkpoint)["extra_state"]["ContinuousTask"]
    packed = mine["holdings"][0]["batches"]
    units = iter(packed["units"].tolist())
    return {
        names[row]: [mine["units"][next(units)] for _ in range(length)]
        for row, length in zip(packed["rows"].tolist(), packed["lengths"].tolist(), strict=True)
    }
