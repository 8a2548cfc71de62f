"""Weights alone under fairseq's own commands, and a student that starts from them and is interrupted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import xlpl_plugin
from xlpl_plugin.models.checkpoint import extract_model, read_checkpoint

pytestmark = pytest.mark.slow
ROOT = Path(xlpl_plugin.__file__).parent.parent
USER_DIR = str(Path(xlpl_plugin.__file__).parent)
WORDS = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad", "deaf cab"]


def start(command: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(Path(sys.executable).parent / command), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-5000:]
    return output


def train(data: Path, save_dir: Path, updates: int, *options: str) -> str:
    words = [
        "--config-dir", str(ROOT / "config"), "--config-name", "train", f"common.user_dir={USER_DIR}",
        f"task.data={data}", f"checkpoint.save_dir={save_dir}", f"optimization.max_update={updates}",
        "dataset.num_workers=0", "model.dim=16", "model.layers=1", "model.heads=2", "model.ffn_dim=16",
        "model.num_mels=16", *options,
    ]  # fmt: skip
    return finish(start("fairseq-hydra-train", *words))


def test_weights_alone_validate_generate_and_begin_a_student(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    data = make_folder(tmp_path / "data", {"train": WORDS, "valid": WORDS[:3], "test": WORDS[:5]})
    train(data, tmp_path / "source", 3, "ema.store_ema=true", "ema.ema_decay=0.5")
    checkpoint = tmp_path / "source" / "checkpoint_last.pt"
    files = {"last": tmp_path / "model.pt", "ema": tmp_path / "ema.pt"}
    for kind, file in files.items():
        extract_model(checkpoint, file, ema=kind == "ema")
    last, ema = (read_checkpoint(file)["model"] for file in files.values())
    assert not torch.equal(last["encoder.output.weight"], ema["encoder.output.weight"])

    common = [str(data), "--user-dir", USER_DIR, "--task", "xlpl_asr", "--max-tokens", "100000"]
    options = [*common, "--criterion", "xlpl_ctc", "--valid-subset", "test", "--path"]
    validations = [start("fairseq-validate", *options, str(file)) for file in (checkpoint, files["last"])]
    generation = start("fairseq-generate", *common, "--gen-subset", "test", "--path", str(files["ema"]))
    losses = [re.findall(r"'test' subset \| (loss .*)", finish(process)) for process in validations]
    assert losses[0] == losses[1]
    assert re.search(r"loss [\d.]+ .*\| nsentences 5 \|", losses[0][0])
    assert sorted(re.findall(r"^H-(\d+)", finish(generation), re.MULTILINE)) == list("01234")

    student = [data, tmp_path / "student"]
    train(*student, 2, f"task.init_from={files['last']}")
    resumed = train(*student, 4, f"task.init_from={files['last']}")
    assert "@ 2 updates" in resumed
    assert read_checkpoint(tmp_path / "student" / "checkpoint_last.pt")["optimizer_history"][-1]["num_updates"] == 4
