"""Trainings by fairseq itself: the printed command, a kill, a job and two processes; TensorBoard and EMA ride along."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.jobs import running_jobs
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.models.checkpoint import read_checkpoint
from xlpl_plugin.monitoring.training_log import read_training_log
from xlpl_plugin.run.config import TrainingConfig
from xlpl_plugin.run.plan.steps import Train
from xlpl_plugin.run.training.command import find_trainer
from xlpl_plugin.run.training.start import run_training
from xlpl_plugin.stage import Stage

ROOT = Path(__file__).parents[3]
TEXTS = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad", "deaf cab", "bead", "ace", "add a", "dead"]
UPDATES = 40
# small; with all that is drawn at random
OVERRIDES = (
    *("model=transformer_ctc", "model.dim=16", "model.layers=2", "model.heads=2", "model.ffn_dim=16"),
    *("model.num_mels=20", "model.layer_drop=0.2", "model.stretch_high=1.3", "model.vocal_tract_high=1.2"),
    *("common.cpu=true", "common.log_interval=2", f"optimization.max_update={UPDATES}", "dataset.max_tokens=20000"),
    *("checkpoint.save_interval_updates=4", "dataset.num_workers=0", "ema.store_ema=true", "ema.ema_decay=0.9"),
    "common.tensorboard_logdir=${checkpoint.save_dir}/../tensorboard",
)
JOB = LauncherConfig(kind="submitit_local", options=["hydra.launcher.timeout_min=5"])

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Weights:
    """What a training ends with."""

    model: dict[str, torch.Tensor]
    ema: dict[str, torch.Tensor]
    updates: int

    @staticmethod
    def read(step: Train) -> Weights:
        state = read_checkpoint(step.checkpoints / "checkpoint_last.pt")
        return Weights(state["model"], state["extra_state"]["ema"], state["optimizer_history"][-1]["num_updates"])

    def equal(self, other: Weights) -> bool:
        pairs = ((self.model, other.model), (self.ema, other.ema))
        return all(a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a) for a, b in pairs)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> Path:
    return make_folder(tmp_path_factory.mktemp("data"), {"train": TEXTS, "valid": TEXTS[:3]})


def training(data: Path, folder: Path, *more: str) -> Train:
    return Train(
        name="round-1/train",
        stage=Stage.round(1),
        out=str(folder / "run" / "round-1" / "training"),
        data=str(data),
        training=TrainingConfig(
            config_dir=str(ROOT / "config"),
            config_name="train",
            overrides=[*OVERRIDES, *more],
            mix=[str(data)],
            mix_weights=[0.5],
        ),
    )


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Train, Weights]:
    """A training by the driver, in one piece."""
    step = training(data, tmp_path_factory.mktemp("whole"))
    run_training(step, find_trainer())
    return step, Weights.read(step)


def test_log_events_and_moving_average_are_there(whole: tuple[Train, Weights]) -> None:
    step, weights = whole
    log = read_training_log(Path(step.out) / "train.log")
    assert log.updates == weights.updates == UPDATES
    assert [update for update, _ in log.train] == list(range(2, UPDATES + 1, 2))
    assert {4, 8, UPDATES} <= {update for update, _, _ in log.valid}
    for tag in ("train_inner", "train", "valid"):
        assert any((Path(step.out) / "tensorboard" / tag).glob("events.out.tfevents.*"))
    assert weights.model.keys() == weights.ema.keys()
    assert any(not torch.equal(value, weights.ema[name]) for name, value in weights.model.items())


def test_stored_command_by_hand_gives_the_same_bits(whole: tuple[Train, Weights], tmp_path: Path) -> None:
    step, weights = whole
    folder = Path(step.out)
    before = shutil.move(folder / "checkpoints", tmp_path / "driver")
    (folder / "hydra").rename(tmp_path / "hydra")
    subprocess.run(["bash", folder / "command.txt"], cwd=tmp_path, check=True, capture_output=True)
    assert Weights.read(step).equal(weights)
    shutil.rmtree(folder / "checkpoints")
    shutil.move(before, folder / "checkpoints")


def test_killed_in_the_middle_it_ends_with_the_same_bits_and_no_update_more(
    whole: tuple[Train, Weights], data: Path, tmp_path: Path
) -> None:
    step = training(data, tmp_path)
    with pytest.raises(XlplError, match="cannot start"):
        run_training(step, ("/nowhere/trainer",))  # stores the command
    command = Path(step.out) / "command.txt"
    command.write_text(command.read_text().replace("/nowhere/trainer", f"exec {find_trainer()[0]}"))
    child = subprocess.Popen(["bash", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    last = step.checkpoints / "checkpoint_last.pt"
    wait_for(lambda: last.exists() or child.poll() is not None)
    child.kill()
    child.wait()
    run_training(step, find_trainer())
    log = (Path(step.out) / "train.log").read_text()
    assert "Loaded checkpoint" in log
    assert read_training_log(Path(step.out) / "train.log").train[0][0] > 2
    assert Weights.read(step).equal(whole[1])
    run_training(step, ("/nowhere/trainer",))  # done: nothing is started
    assert Weights.read(step).updates == UPDATES


@pytest.mark.parametrize("updates", [UPDATES, UPDATES - 1])
def test_killed_after_the_last_save_it_makes_no_update_more(
    whole: tuple[Train, Weights], data: Path, tmp_path: Path, updates: int
) -> None:
    step = training(data, tmp_path)
    shutil.copytree(Path(whole[0].out) / "hydra", Path(step.out) / "hydra")
    record = Path(step.out) / "hydra" / "hydra_train.log"
    lines = record.read_text().splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if "Stopping training due to" in line)
    record.write_text("".join(lines[: end + 3]))
    state = read_checkpoint(whole[0].model)
    state["optimizer_history"][-1]["num_updates"] = updates
    step.checkpoints.mkdir()
    torch.save(state, step.model)
    if updates == UPDATES:
        run_training(step, ("/nowhere/trainer",))
    else:
        with pytest.raises(XlplError, match="cannot start"):
            run_training(step, ("/nowhere/trainer",))


def test_job_outlives_its_driver_and_is_found_again(whole: tuple[Train, Weights], data: Path, tmp_path: Path) -> None:
    step = training(data, tmp_path)
    folder = Path(step.out)
    script = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from pathlib import Path\n"
        "from test_by_hand import JOB, training, find_trainer, run_training\n"
        "run_training(training(Path(sys.argv[3]), Path(sys.argv[4])), find_trainer(), JOB)\n"
    )
    arguments = [sys.executable, "-c", script, str(Path(__file__).parent), str(ROOT), str(data), str(tmp_path)]
    driver = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: any(folder.glob("hydra/.submitit/*/*_submitted.pkl")) or driver.poll() is not None)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert running_jobs(JOB, folder)
    run_training(step, ("/nowhere/trainer",), JOB)  # waits, and starts nothing
    assert not running_jobs(JOB, folder)
    assert read_training_log(folder / "train.log").updates == UPDATES
    assert Weights.read(step).equal(whole[1])


def test_torchrun_trains_one_model_with_two_processes(data: Path, tmp_path: Path) -> None:
    step = training(data, tmp_path, "distributed_training.distributed_backend=gloo", "optimization.max_update=6")
    run_training(step, find_trainer(), LauncherConfig(kind="torchrun", processes=2))
    log = (Path(step.out) / "train.log").read_text()
    assert log.count("training on 2 devices") == 1
    assert all(f"as rank {rank}" in log for rank in (0, 1))
    assert Weights.read(step).updates == 6


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)
