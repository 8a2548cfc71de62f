"""A training that begins, or goes on, otherwise than was meant says so."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

import xlpl_plugin.registry  # noqa: F401
from xlpl_plugin.criterions.ctc import CtcConfig
from xlpl_plugin.criterions.meters import METRICS
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.precision import computes_bf16
from xlpl_plugin.tasks.asr import AsrConfig, AsrTask

ROOT = Path(__file__).parents[2]
TEXTS = ["ab cab", "bad", "dad face ab", "cab"]
SIZE = {"_name": "xlpl_transformer_ctc", "dim": 16, "layers": 1, "heads": 2, "ffn_dim": 16, "num_mels": 16}


@pytest.fixture
def folder(tmp_path: Path, make_folder: Callable[..., Path]) -> Path:
    return make_folder(tmp_path / "data", {"train": TEXTS, "valid": TEXTS[:2]})


def halve(folder: Path) -> None:
    whole = read_manifest(folder, "train")
    write_manifest(folder, "train", Manifest(whole.root, whole.utterances[:2]))


def begin(folder: Path, **options: Any) -> AsrTask:
    """Build the model, the criterion and the training split, as fairseq does in this order."""
    plain = {"seed": 1, "train_subset": "train", "finetune_from_model": None, "restore_file": "checkpoint_last.pt"}
    chosen = {**plain, "best_checkpoint_metric": "uer", **options}
    task = AsrTask.setup_task(OmegaConf.structured(AsrConfig(data=str(folder), **chosen)))
    task.build_model(OmegaConf.create(SIZE))
    task.build_criterion(OmegaConf.create({**vars(CtcConfig()), "_name": "xlpl_ctc", "sentence_avg": True}))
    task.load_dataset("train")
    return task


@pytest.mark.parametrize("metric", METRICS)
def test_what_the_criterion_measures_may_choose_the_checkpoint(folder: Path, metric: str) -> None:
    begin(folder, best_checkpoint_metric=metric)


def test_an_unknown_metric_is_named_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(XlplError, match=r"metric='werr' is not measured(.|\n)*loss, uer, wer(.|\n)*did you mean wer\?"):
        begin(folder, best_checkpoint_metric="werr")


def test_a_checkpoint_to_go_on_from_must_be_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"gone\.pt: no such file \(checkpoint\.restore_file\)"):
        begin(folder, restore_file=str(tmp_path / "gone.pt"))
    (tmp_path / "there.pt").touch()
    (tmp_path / "parted-shard0.pt").touch()
    begin(folder, restore_file=str(tmp_path / "there.pt"))
    begin(folder, restore_file=str(tmp_path / "parted.pt"))


def test_other_rows_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved = begin(folder).get_checkpoint_dict()["AsrTask"]
    with caplog.at_level(logging.WARNING):
        begin(folder).set_checkpoint_dict(saved)
        begin(folder).set_checkpoint_dict({"units": saved["units"]})  # an older checkpoint
        assert "other data" not in caplog.text
        halve(folder)
        begin(folder).set_checkpoint_dict(saved)
    assert "other data than the checkpoint's: 4 rows then, 2 now" in caplog.text


@pytest.mark.parametrize("change", ["labels", "mix"])
def test_other_labels_and_another_mix_are_told(folder: Path, change: str, caplog: pytest.LogCaptureFixture) -> None:
    mix = {"mix": [str(folder)], "mix_weights": [1.0]}
    saved = begin(folder, **mix).get_checkpoint_dict()["AsrTask"]
    if change == "labels":
        file = folder / "train.ltr"
        file.write_text(file.read_text().replace("f a c e", "f a d e"))
    else:
        mix["mix_weights"] = [0.5]
    begin(folder, **mix).set_checkpoint_dict(saved)
    assert "8 rows then, 8 now, but others, or with other labels or shares" in caplog.text


@pytest.mark.slow
def test_all_of_it_under_fairseq(folder: Path, tmp_path: Path) -> None:
    def train(*options: str) -> tuple[int, str]:
        command = [
            Path(sys.executable).parent / "fairseq-hydra-train", "--config-dir", ROOT / "config", "--config-name",
            "train", "model=mini", f"task.data={folder}", f"common.user_dir={ROOT / 'xlpl_plugin'}", "common.cpu=true",
            f"checkpoint.save_dir={tmp_path}/out", "dataset.num_workers=0", *options,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        )
        return done.returncode, done.stdout + done.stderr

    code, said = train("checkpoint.best_checkpoint_metric=per", "optimization.max_update=2")
    assert code, said[-3000:]
    assert "is not measured at validation" in said
    code, said = train(f"checkpoint.restore_file={tmp_path}/gone.pt", "optimization.max_update=2")
    assert code, said[-3000:]
    assert "gone.pt: no such file (checkpoint.restore_file)" in said
    assert not (tmp_path / "out" / "checkpoint_last.pt").exists()
    assert train("optimization.max_update=2")[0] == 0
    halve(folder)
    code, said = train("optimization.max_update=4")
    assert not code, said[-3000:]
    assert "other data than the checkpoint's: 4 rows then, 2 now" in said
    code, said = train("optimization.max_update=2", "common.bf16=true", f"checkpoint.save_dir={tmp_path}/coarse")
    assert not code, said[-3000:]
    assert said.count("the CPU of this machine emulates bfloat16") == (not computes_bf16("cpu"))
