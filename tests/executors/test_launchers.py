"""Commands of the launchers; jobs of a queue are found, waited for and ended; trainings that compute nan are ended."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors import jobs
from xlpl_plugin.executors.launchers import LauncherConfig, job_name
from xlpl_plugin.run.config import TrainingConfig
from xlpl_plugin.run.plan.steps import Train
from xlpl_plugin.run.training import start as training
from xlpl_plugin.run.training.command import training_command
from xlpl_plugin.run.training.start import run_training
from xlpl_plugin.schema import check_options
from xlpl_plugin.stage import Stage

SLURM = LauncherConfig("slurm", processes=8, nodes=2, options=["hydra.launcher.timeout_min=600"])
FINITE = json.dumps({"loss": "3.25", "num_updates": "2"})


@pytest.fixture
def step(tmp_path: Path) -> Train:
    (tmp_path / "student.yaml").write_text("optimization: {max_update: 10}\n")
    return Train(
        name="round-1/train",
        stage=Stage.round(1),
        out=str(tmp_path / "sw" / "round-1" / "training"),
        data=str(tmp_path),
        training=TrainingConfig(config_dir=str(tmp_path), config_name="student", overrides=["model=tiny"]),
    )


def overridden(step: Train, *overrides: str) -> Train:
    return replace(step, training=replace(step.training, overrides=list(overrides)))


def program(path: Path, text: str) -> tuple[str, ...]:
    """Write a Python program and return how it is started."""
    path.write_text(f"#!{sys.executable}\nimport sys, time\nfrom pathlib import Path\n{text}")
    path.chmod(0o755)
    return (str(path),)


def trainer(step: Train, *lines: str) -> tuple[str, ...]:
    """Return a trainer that prints lines, saves, and stays for a minute unless the last line is 'done'."""
    step.checkpoints.mkdir(parents=True, exist_ok=True)
    text = f"for line in {lines!r}: print(line, flush=True)\n"
    text += f"Path({str(step.checkpoints)!r}, 'checkpoint_last.pt').write_text('')\n"
    return program(step.checkpoints.parent / "trainer", text + ("" if lines[-1] == "done" else "time.sleep(60)\n"))


class Slurm:
    """Commands in place of Slurm's. ``jobs`` are answered one list a question; the last one for ever."""

    def __init__(self, folder: Path, *jobs: str) -> None:
        folder.mkdir()
        self.told = folder / "told"
        self.told.touch()
        # what ended jobs are asked for with; a training's job is none that Slurm remembers
        note = "if '--states=all' in sys.argv: sys.exit()\n"
        note += f"told = Path({str(self.told)!r})\nasked = told.read_text()\n"
        note += "told.write_text(asked + ' '.join([Path(sys.argv[0]).name, *sys.argv[1:]]) + '\\n')\n"
        program(
            folder / "squeue", note + f"answers = {jobs!r}\nprint(answers[min(asked.count('squeue'), {len(jobs) - 1})])"
        )
        program(folder / "scancel", note)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(training, "_ASK_AGAIN", {})
    return tmp_path / "bin"


def test_local_is_one_plain_command(step: Train) -> None:
    command = training_command(step, ("trainer",))
    assert command[:5] == ["trainer", "--config-dir", step.training.config_dir, "--config-name", "student"]
    assert f"hydra.run.dir={step.out}/hydra" in command
    assert command[-1] == "model=tiny"
    assert not [word for word in command if "distributed" in word or "launcher" in word]


def test_torchrun_tells_every_process_its_place(step: Train) -> None:
    command = training_command(step, ("trainer",), LauncherConfig("torchrun", processes=4))
    end = command.index("trainer")
    assert command[:end] == [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=4", "--no-python")
    ]
    assert "++distributed_training.distributed_world_size=4" in command[end:]
    assert "++distributed_training.distributed_rank=${oc.env:RANK}" in command[end:]


def test_torchrun_on_two_machines_meets_where_the_options_say(step: Train) -> None:
    launcher = LauncherConfig("torchrun", processes=8, nodes=2, options=["--rdzv-endpoint=first:29500"])
    check_options(launcher, "launcher")
    command = training_command(step, ("trainer",), launcher)
    assert {"--nnodes=2", "--rdzv-backend=c10d", "--rdzv-endpoint=first:29500"} < set(command)
    assert "++distributed_training.distributed_world_size=16" in command


def test_slurm_is_a_sweep_of_one_job_with_a_name_of_its_own(step: Train) -> None:
    command = training_command(step, ("trainer",), replace(SLURM, gpus=1))
    assert command[5:8] == ["--multirun", "hydra/launcher=submitit_slurm", f"hydra.sweep.dir={step.out}/hydra"]
    for key, value in {"nodes": 2, "tasks_per_node": 8, "gpus_per_node": 8, "timeout_min": 600}.items():
        assert f"hydra.launcher.{key}={value}" in command
    assert f"hydra.launcher.name={job_name(Path(step.out))}" in command
    assert "++distributed_training.distributed_world_size=16" in command
    assert job_name(Path(step.out)).startswith("sw-round-1-")
    assert job_name(Path(step.out)) != job_name(Path("/elsewhere/sw/round-1/training"))


@pytest.mark.parametrize(
    ("nodes", "options", "asked"),
    [
        ("main* (null)", [], False),
        ("main* gpu:a100:8(S:0-1)", [], True),
        ("cpu* (null)\nlarge gpu:4", [], False),
        ("cpu* (null)\nlarge gpu:4", ["hydra.launcher.partition=large"], True),
        ("gpu* gpu:4\nslow (null)", ["hydra.launcher.partition=slow"], False),
    ],
)
def test_gpus_are_asked_for_where_the_partition_has_some(
    step: Train, path: Path, nodes: str, options: list[str], asked: bool
) -> None:
    path.mkdir()
    program(path / "sinfo", f"print({nodes!r})\n")
    launcher = replace(SLURM, options=[*SLURM.options, *options])
    words = [word for word in training_command(step, ("trainer",), launcher) if word.startswith("hydra.launcher.gpus")]
    assert words == (["hydra.launcher.gpus_per_node=8"] if asked else [])
    assert not [
        word
        for word in training_command(step, ("trainer",), replace(launcher, gpus=0))
        if word.startswith("hydra.launcher.gpus")
    ]


def test_slurm_without_gpus_tells_every_process_its_place(step: Train) -> None:
    words = training_command(step, ("trainer",), replace(SLURM, gpus=0))
    assert "++distributed_training.distributed_rank=${oc.env:SLURM_PROCID}" in words
    assert "++distributed_training.distributed_no_spawn=true" in words
    [meeting] = [word for word in words if "distributed_init_method" in word]
    assert "'tcp://${oc.env:SLURM_LAUNCH_NODE_IPADDR}:" in meeting
    gpus = training_command(step, ("trainer",), replace(SLURM, gpus=1))
    assert not [word for word in gpus if "oc.env" in word]  # fairseq reads Slurm's variables itself


def test_gpus_are_asked_for_where_slurm_says_nothing(step: Train, path: Path) -> None:
    assert "hydra.launcher.gpus_per_node=8" in training_command(step, ("trainer",), SLURM)  # no sinfo
    path.mkdir()
    program(path / "sinfo", "sys.exit('slurmctld is down')\n")
    assert "hydra.launcher.gpus_per_node=8" in training_command(step, ("trainer",), SLURM)


def test_override_that_hydra_would_sweep_over_is_refused(step: Train) -> None:
    swept = overridden(step, "optimization.max_update=100,200")
    with pytest.raises(XlplError, match="several trainings"):
        training_command(swept, ("trainer",), SLURM)
    assert "optimization.max_update=100,200" in training_command(swept, ("trainer",))  # hydra itself refuses it there


@pytest.mark.parametrize(
    ("launcher", "problem"),
    [
        (LauncherConfig("pbs"), "one of local, torchrun"),
        (LauncherConfig(processes=2), r"kind=local has no processes(.|\n)*torchrun"),
        (LauncherConfig("torchrun", processes=0), "launcher.processes=0"),
        (LauncherConfig("torchrun", nodes=2), r"where to meet(.|\n)*first machine"),
        (LauncherConfig("torchrun", options=["hydra.launcher.name=x"]), "none of torchrun"),
        (LauncherConfig("slurm"), r"no time limit(.|\n)*timeout_min"),
        (LauncherConfig("slurm", options=["--partition=gpu"]), "none of slurm"),
        (LauncherConfig("submitit_local", nodes=2), "one node"),
    ],
)
def test_values_that_do_not_fit_are_refused(launcher: LauncherConfig, problem: str) -> None:
    with pytest.raises(XlplError, match=problem):
        check_options(launcher, "launcher")


def test_command_by_hand_finds_the_same_arithmetic_and_names_its_run(
    step: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("WANDB_NAME", raising=False)
    named = overridden(step, "common.wandb_project=asr")
    run_training(named, trainer(step, "done"))
    stored = (Path(step.out) / "command.txt").read_text().split()
    assert {"OMP_NUM_THREADS=3", "PYTHONUTF8=1", "WANDB_NAME=sw/round-1", f"WANDB_DIR={step.out}"} < set(stored)


@pytest.mark.parametrize(
    "line",
    [
        '[train_inner][INFO] - {"epoch": 1, "loss": "nan", "num_updates": "4"}',
        '[valid][INFO] - {"epoch": 1, "valid_loss": "inf", "valid_num_updates": "4"}',
        "epoch 001:     4 / 7 loss=-inf, num_updates=4",
        "FloatingPointError: Minimum loss scale reached (0.0001).",
        "RuntimeError: Function 'LogSoftmaxBackward0' returned nan values in its 0th output.",
    ],
)
def test_training_that_computes_nan_is_ended_at_once(step: Train, line: str) -> None:
    start = time.monotonic()
    with pytest.raises(XlplError, match=r"nan or inf(.|\n)*lower optimization\.lr") as caught:
        run_training(step, trainer(step, FINITE, line))
    assert time.monotonic() - start < 30  # the trainer would have stayed for a minute
    assert line in str(caught.value)


def test_numbers_and_words_that_only_look_like_nan_end_nothing(step: Train) -> None:
    run_training(step, trainer(step, '"loss_scale": "inf"', "loss: infeasible rows: 3", FINITE, "done"))
    assert FINITE in (Path(step.out) / "train.log").read_text()


def test_job_of_a_former_call_is_waited_for_and_not_started_twice(step: Train, path: Path) -> None:
    slurm = Slurm(path, "4711", "4711", "")
    record = Path(step.out) / "hydra" / "hydra_train.log"
    record.parent.mkdir(parents=True)
    record.write_text(f"{FINITE}\ndone training in 7.0 seconds\n")
    step.checkpoints.mkdir()
    with zipfile.ZipFile(step.model, "w") as archive:  # as torch saves
        archive.writestr("weights", "")
    run_training(step, ("/nowhere/trainer",), SLURM)
    question = f"squeue --noheader --format=%A --name={job_name(Path(step.out))}\n"
    assert slurm.told.read_text() == 3 * question
    assert FINITE in (Path(step.out) / "train.log").read_text()


def test_training_of_a_former_job_that_was_cut_off_goes_on(step: Train, path: Path) -> None:
    Slurm(path, "4711", "")
    record = Path(step.out) / "hydra" / "hydra_train.log"
    record.parent.mkdir(parents=True)
    record.write_text(f"{FINITE}\n")
    run_training(step, trainer(step, "submitted", "done"), SLURM)
    assert (Path(step.out) / "train.log").read_text().splitlines() == [FINITE, "submitted", "done"]


def test_job_that_computes_nan_is_cancelled(step: Train, path: Path) -> None:
    slurm = Slurm(path, "")
    with pytest.raises(XlplError, match="nan or inf"):
        run_training(step, trainer(step, "FloatingPointError: gradients are Nan/Inf"), SLURM)
    assert slurm.told.read_text().splitlines()[-1] == f"scancel --name={job_name(Path(step.out))}"


def test_nothing_is_started_while_slurm_does_not_answer(step: Train, path: Path) -> None:
    path.mkdir()
    program(path / "squeue", "sys.exit('Unable to contact slurm controller')")
    with pytest.raises(XlplError, match=r"Unable to contact(.|\n)*may still be at work"):
        run_training(step, ("/nowhere/trainer",), SLURM)
    (path / "squeue").unlink()
    with pytest.raises(XlplError, match="does not answer"):
        run_training(step, ("/nowhere/trainer",), SLURM)


def test_command_run_by_hand_is_waited_for(step: Train, tmp_path: Path) -> None:
    record = Path(step.out) / "hydra" / "hydra_train.log"
    record.parent.mkdir(parents=True)
    step.checkpoints.mkdir()
    with zipfile.ZipFile(step.model, "w") as archive:
        archive.writestr("weights", "")
    text = f"time.sleep(1)\nPath({str(record)!r}).write_text({FINITE!r} + '\\ndone training in 1.0 seconds\\n')\n"
    by_hand = subprocess.Popen(training_command(step, program(tmp_path / "slow", text)))
    wait_for(lambda: jobs.running_jobs(LauncherConfig(), Path(step.out)) == [str(by_hand.pid)])
    threading.Thread(target=by_hand.wait).start()  # as its shell would
    run_training(step, ("/nowhere/trainer",))
    assert (Path(step.out) / "train.log").read_text() == record.read_text()


def test_workers_that_a_trainer_leaves_behind_are_ended(step: Train) -> None:
    text = "import subprocess\nif '--worker' not in sys.argv:\n"
    text += (
        "    subprocess.Popen([*sys.argv, '--worker'], start_new_session=True)\n    time.sleep(1)\n    sys.exit(1)\n"
    )
    Path(step.out).mkdir(parents=True)
    text += "time.sleep(60)\n"
    with pytest.raises(XlplError, match="exit status 1"):
        run_training(step, program(Path(step.out) / "trainer", text))
    wait_for(lambda: not jobs.running_jobs(LauncherConfig(), Path(step.out)))


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_where_no_job_can_be_nothing_is_asked(step: Train, path: Path) -> None:
    assert jobs.running_jobs(LauncherConfig(), Path(step.out)) == []
    assert jobs.running_jobs(LauncherConfig("torchrun"), Path(step.out)) == []
