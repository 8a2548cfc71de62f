"""Training as a child process: the command that a person could type, its environment, its end."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from omegaconf import OmegaConf
from tqdm import tqdm

import xlpl_plugin
from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.jobs import end_jobs, running_jobs
from xlpl_plugin.executors.launchers import SLURM, LauncherConfig, arguments, job_name, refuse_sweeps, starter
from xlpl_plugin.files import must_exist, write_text
from xlpl_plugin.run.plan.dependencies import composed_files
from xlpl_plugin.run.plan.steps import Continue, Train
from xlpl_plugin.run.training.follow import Followed, GrowingFile, follow
from xlpl_plugin.run.training.resume import collapse_of, is_finished, mend_checkpoint

# fairseq opens manifests without naming an encoding
_UTF8 = {"PYTHONUTF8": "1"}
# glibc gives the memory of every large tensor back to the kernel and asks for it again at the next step; on a CPU
# the page faults of that took more time than the training itself
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_TOP_PAD_": str(1 << 28)}
# threads that wait for each other sleep; spinning, two threads beside one other process were slower than one alone
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}
# what changes sums in their last bits: the command run by hand must find it as it was
_ARITHMETIC = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG",
    "NVIDIA_TF32_OVERRIDE",
)
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
# seconds between two looks at a child, at the processes of this machine, at Slurm's queue
_BLINK, _GLANCE, _ASK_AGAIN = 0.1, 0.5, {SLURM: 10.0}
_END_PATIENCE = 60.0  # seconds for a trainer to end its own children


def find_trainer() -> tuple[str, ...]:
    """Return the fairseq-hydra-train that was installed with this Python.

    Raises:
        XlplError: there is none.
    """
    trainer = Path(sys.executable).parent / "fairseq-hydra-train"
    if not trainer.exists():
        raise XlplError(
            "fairseq-hydra-train is not installed beside this Python",
            file=trainer,
            expected="a console script of fairseq in the same environment",
            remedy="install the package with pip, or name the trainer: train_command=[...]",
        )
    return (str(trainer),)


def training_command(
    step: Train, trainer: Sequence[str], launcher: LauncherConfig | None = None, workers: int = 1
) -> list[str]:
    """Return the argument list that trains ``step``; it means the same from any working directory.

    ``++`` sets a key whether or not the YAML file lists it. Without a launcher it is the local one. ``workers`` is the
    number of decoding processes, where the training searches labels.

    Raises:
        XlplError: an override that a queue's launcher would take for several trainings.
    """
    launcher = launcher or LauncherConfig()
    if launcher.queued:
        refuse_sweeps(step.overrides)
    folder = Path(step.out).absolute()
    keys: dict[str, object] = {
        "common.user_dir": Path(xlpl_plugin.__file__).parent,
        "task.data": Path(step.data).absolute(),
        "task.init_from": Path(step.init_from).absolute() if step.init_from else "",
        "task.mix": [Path(path).absolute() for path in step.mix],
        "task.mix_weights": list(step.mix_weights),
        "dataset.train_subset": "train",
        "dataset.valid_subset": "valid",
        "checkpoint.save_dir": folder / "checkpoints",
        **(_labelling_keys(step, workers) if isinstance(step, Continue) else {}),
    }
    return [
        *starter(launcher, folder),
        *trainer,
        "--config-dir",
        str(Path(step.config_dir).absolute()),
        "--config-name",
        step.config_name,
        *arguments(launcher, folder, _hydra(folder / "hydra")),
        "hydra.job.chdir=False",
        *(f"++{key}={_hydra(value)}" for key, value in keys.items()),
        *step.overrides,
    ]


def _labelling_keys(step: Continue, workers: int) -> dict[str, object]:
    """Return what a training reads that labels by itself."""
    keys: dict[str, object] = {
        "task.unlabelled": Path(step.unlabelled).absolute(),
        "task.unlabelled_split": step.unlabelled_split,
    }
    files = {"task.dec_lexicon": step.lexicon, "task.dec_lm": step.lm}
    keys |= {key: Path(file).absolute() for key, file in files.items() if file}
    return keys | ({"task.label_workers": workers} if step.lexicon or step.lm else {})


def _hydra(value: object) -> str:
    """Write a value in the grammar of hydra's overrides."""
    if isinstance(value, list):
        return f"[{','.join(_hydra(item) for item in value)}]"
    if isinstance(value, int | float):
        return repr(value)
    if re.fullmatch(r"[A-Za-z/][\w./@%-]*", str(value), re.ASCII):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def run_training(
    step: Train,
    trainer: Sequence[str],
    launcher: LauncherConfig | None = None,
    *,
    workers: int = 1,
    keep_open: Sequence[int] = (),
) -> None:
    """Train to the end, with the log in ``out``/train.log. A half-done training resumes; a done one is left alone.

    A job in a queue outlives this process. The next call finds it and waits for it before anything else, as it does
    for the command run by hand.

    A collapse is an end as well: it is told, and its last checkpoint is a good one.

    Args:
        workers: decoding processes of a training that searches labels.
        keep_open: file descriptors that the child holds too, so that a lock outlives a killed driver.

    Raises:
        XlplError: the training failed (the error shows the end of its log) or computes nan; a queue does not answer.
    """
    launcher = launcher or LauncherConfig()
    folder = Path(step.out)
    folder.mkdir(parents=True, exist_ok=True)
    command, settings = training_command(step, trainer, launcher, workers), training_settings(step)
    printed = shlex.join(command)
    write_text(folder / "command.txt", f"{' '.join(f'{k}={shlex.quote(v)}' for k, v in settings.items())} {printed}\n")
    tqdm.write(f"{step.name}: {printed}", file=sys.stderr)
    _await_former_job(step, launcher)
    mend_checkpoint(step.checkpoints)
    if is_finished(_record(folder), step.checkpoints, max_update(step)):
        tqdm.write(f"{step.name}: had come to its end before", file=sys.stderr)
        _copy_record(folder)
    else:
        _run(step, command, settings, launcher, keep_open)
    if reason := collapse_of(step.checkpoints):
        tqdm.write(f"{step.name}: collapsed, and put back to its last good checkpoint: {reason}", file=sys.stderr)
        return
    must_exist(step.model, f"the model that {step.name} should have saved (checkpoint.* in {step.config_name}.yaml)")


def training_settings(step: Train) -> dict[str, str]:
    """Return the environment variables that the command needs, or whose values change its result."""
    folder = Path(step.out).absolute()
    ours = {**_KEEP_MEMORY, **_PASSIVE}
    if _option(step, "common.wandb_project") not in ("", "null", "None"):
        # fairseq would name every run after its folder, 'checkpoints', and write to where the command was typed
        ours |= {"WANDB_NAME": "/".join(folder.parts[-3:-1]), "WANDB_DIR": str(folder)}
    ours = {name: os.environ.get(name, value) for name, value in ours.items()}
    return {**ours, **{name: os.environ[name] for name in _ARITHMETIC if name in os.environ}, **_UTF8}


def _option(step: Train, key: str) -> str:
    """Return what an override or the YAML file says of a key, as text; '' where neither does."""
    for override in reversed(step.overrides):
        name, _, value = override.partition("=")
        if name.lstrip("+") == key:
            return value.strip("'\"")
    for file in reversed(composed_files(step.config_dir, step.config_name)):
        value = OmegaConf.select(OmegaConf.load(file), key)
        if value is not None:
            return str(value)
    return ""


def max_update(step: Train) -> int | None:
    """Return the length of the training in updates where the configuration tells it."""
    text = _option(step, "optimization.max_update")
    return int(text) if text.isdigit() and int(text) > 0 else None


def _await_former_job(step: Train, launcher: LauncherConfig) -> None:
    folder = Path(step.out)
    jobs = running_jobs(launcher, folder)
    if not jobs:
        return
    tqdm.write(f"{step.name}: {', '.join(jobs)} (a former call's job) is training; waiting for it", file=sys.stderr)

    def ended() -> bool:
        time.sleep(_ASK_AGAIN.get(launcher.kind, _GLANCE))
        return not running_jobs(launcher, folder)

    with _job_logs(folder) as (logs, copy):
        told = follow(logs, ended, title=step.name, max_update=max_update(step), copy=copy)
    if told.diverged:
        end_jobs(launcher, folder)
        raise _divergence(step, told)


def _record(folder: Path) -> Path:
    """Return the log that hydra writes in the training's own process."""
    return folder / "hydra" / "hydra_train.log"


def _run(
    step: Train, command: Sequence[str], settings: Mapping[str, str], launcher: LauncherConfig, keep_open: Sequence[int]
) -> None:
    folder = Path(step.out)
    with (_job_logs if launcher.queued else _child_log)(folder) as (logs, copy):
        child = _start(command, settings, logs[0].path, keep_open)

        def ended() -> bool:
            try:
                child.wait(_BLINK)
            except subprocess.TimeoutExpired:
                return False
            return True

        try:
            told = follow(logs, ended, title=step.name, max_update=max_update(step), copy=copy)
        except KeyboardInterrupt:
            if launcher.queued:
                tqdm.write(
                    f"{step.name}: the job {job_name(folder)} goes on; the same command finds it", file=sys.stderr
                )
            raise
        finally:
            _end(child)
            if not launcher.queued:
                end_jobs(launcher, folder)  # torchrun's workers outlive a torchrun that is killed
    if told.diverged:
        end_jobs(launcher, folder)
        raise _divergence(step, told)
    if child.returncode != 0:
        raise _failure(step, child.returncode, told)


_Logs = tuple[list[GrowingFile], TextIO | None]


@contextmanager
def _child_log(folder: Path) -> Iterator[_Logs]:
    """The log that a child writes itself, from where former children left it."""
    log = folder / "train.log"
    yield [GrowingFile(log, _size(log))], None


@contextmanager
def _job_logs(folder: Path) -> Iterator[_Logs]:
    """The logs of a queue's child and of the job, copied to train.log after what former trainers wrote."""
    launched, position = folder / "launcher.log", _copy_record(folder)
    with (folder / "train.log").open("a", encoding="utf-8") as lines:
        yield [GrowingFile(launched, _size(launched)), GrowingFile(_record(folder), position)], lines


def _copy_record(folder: Path) -> int:
    """Put what trainers themselves logged so far in the place of train.log; return its length in bytes."""
    record = _record(folder)
    told = record.read_bytes() if record.exists() else b""
    (folder / "train.log").write_bytes(told)
    return len(told)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _start(
    command: Sequence[str], settings: Mapping[str, str], log: Path, keep_open: Sequence[int]
) -> subprocess.Popen[bytes]:
    # written by the child itself: processes that it leaves behind cannot make us wait for the end of a pipe
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **settings, "PYTHONUNBUFFERED": "1"},
                pass_fds=tuple(keep_open),
                preexec_fn=_die_with_parent if _LIBC else None,
            )
        except OSError as error:
            raise XlplError(f"cannot start the trainer: {error}", file=command[0], expected="an executable") from error


def _die_with_parent() -> None:
    """In the child: end when the driver is killed, so that no training goes on unseen."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def candidates(folder: Path, count: int) -> list[Path]:
    """Return the last ``count`` checkpoints that a training kept, the oldest first, and after them its best and last.

    Raises:
        XlplError: it kept none at all.
    """
    named = [file for name in ("best", "last") if (file := folder / f"checkpoint_{name}.pt").exists()]
    return [*_numbered(folder)[-count:], *named] or last_checkpoints(folder, count)


def last_checkpoints(folder: Path, count: int) -> list[Path]:
    """Return the last ``count`` checkpoints that a training kept: checkpoint_EPOCH_UPDATE.pt, or checkpointEPOCH.pt.

    Raises:
        XlplError: it kept none.
    """
    if found := _numbered(folder):
        return found[-count:]
    raise XlplError(
        "the training kept no checkpoints to average",
        file=folder,
        expected="checkpoint_EPOCH_UPDATE.pt or checkpointEPOCH.pt",
        remedy="set checkpoint.keep_interval_updates and save_interval_updates (not to the updates of whole epochs: "
        "fairseq keeps none there), or checkpoint.no_epoch_checkpoints=false with keep_last_epochs",
    )


def _numbered(folder: Path) -> list[Path]:
    for pattern in (r"checkpoint_\d+_(\d+)\.pt", r"checkpoint(\d+)\.pt"):
        found = {int(match[1]): file for file in folder.glob("*.pt") if (match := re.fullmatch(pattern, file.name))}
        if found:
            return [found[number] for number in sorted(found)]
    return []


def _divergence(step: Train, told: Followed) -> XlplError:
    return XlplError(
        f"{step.name}: the training computes nan or inf and cannot recover; the log ends with\n    {_lines(told)}",
        file=Path(step.out) / "train.log",
        expected="finite losses and gradients",
        remedy="lower optimization.lr, lengthen the warm-up (the first number of lr_scheduler.phase_ratio) or set "
        "optimization.clip_norm=1; on a GPU use common.bf16=true or neither rather than common.fp16=true; then give "
        "the command with --force",
    )


def _failure(step: Train, code: int, told: Followed) -> XlplError:
    if code < 0:
        name = signal.Signals(-code).name
        remedy = "the machine may be out of memory: lower dataset.max_tokens" if name == "SIGKILL" else None
        problem = f"{step.name}: the training was ended by {name}"
    else:
        problem, remedy = f"{step.name}: the training failed with exit status {code}", None
    return XlplError(
        f"{problem}; the log ends with\n    {_lines(told)}",
        file=Path(step.out) / "train.log",
        expected="a training that ends with exit status 0",
        remedy=remedy
        or f"mend what the log names, then give the same command again; {step.name} goes on from its last checkpoint "
        "(command.txt beside the log runs the training alone)",
    )


def _lines(told: Followed) -> str:
    return "\n    ".join(told.end)
