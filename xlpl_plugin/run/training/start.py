"""A training from its start to its end: run, found again, or ended with the reason of its failure."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.child_process import end_child, start_child
from xlpl_plugin.executors.jobs import end_jobs, running_jobs
from xlpl_plugin.executors.launchers import SLURM, LauncherConfig, job_name
from xlpl_plugin.executors.slurm import OUT_OF_MEMORY, JobState
from xlpl_plugin.files import make_folder, must_exist, write_text
from xlpl_plugin.run.plan.steps import Train
from xlpl_plugin.run.training.command import max_update, training_command, training_settings
from xlpl_plugin.run.training.follow import Followed, GrowingFile, follow
from xlpl_plugin.run.training.job_watch import JobWatch
from xlpl_plugin.run.training.resume import collapse_of, is_finished, mend_checkpoint

# seconds between two looks at a child, at the processes of this machine, at Slurm's queue
_BLINK, _GLANCE, _ASK_AGAIN = 0.1, 0.5, {SLURM: 10.0}
_MORE_MEMORY = (
    "raise hydra.launcher.mem_gb among launcher.options, or lower dataset.max_tokens; then give the same command "
    "again; the training goes on from the last checkpoint"
)


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

    A collapse is an end as well: it is reported, and its last checkpoint is a good one.

    Args:
        workers: decoding processes of a training that searches labels.
        keep_open: file descriptors that the child holds too, so that a lock outlives a killed driver.

    Raises:
        XlplError: the training failed (the error shows the end of its log) or computes nan; a queue does not answer.
    """
    launcher = launcher or LauncherConfig()
    folder = Path(step.out)
    make_folder(folder)
    command, settings = training_command(step, trainer, launcher, workers), training_settings(step)
    printed = shlex.join(command)
    write_text(folder / "command.txt", f"{' '.join(f'{k}={shlex.quote(v)}' for k, v in settings.items())} {printed}\n")
    tqdm.write(f"{step.name}: {printed}", file=sys.stderr)
    _await_former_job(step, launcher)
    trainer_call = _Call(command, settings, launcher, keep_open)
    for sent in range(1, launcher.tries + 1):
        if _go_on(step, trainer_call, last=sent == launcher.tries):
            break
    if reason := collapse_of(step.checkpoints):
        tqdm.write(f"{step.name}: collapsed, and put back to its last good checkpoint: {reason}", file=sys.stderr)
        return
    must_exist(
        step.model, f"the model that {step.name} should have saved (checkpoint.* in {step.training.config_name}.yaml)"
    )


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
        followed = follow(logs, ended, title=step.name, max_update=max_update(step), copy=copy)
    if followed.diverged:
        end_jobs(launcher, folder)
        raise _divergence(step, followed)


def _record(folder: Path) -> Path:
    """Return the log that hydra writes in the training's own process."""
    return folder / "hydra" / "hydra_train.log"


class _Call(NamedTuple):
    """How a trainer is started."""

    command: Sequence[str]
    settings: Mapping[str, str]
    launcher: LauncherConfig
    keep_open: Sequence[int]


def _go_on(step: Train, call: _Call, *, last: bool) -> bool:
    """Train from where the last trainer ended; return whether the training came to its end, or its job was lost.

    Args:
        last: a lost job is an error.
    """
    folder = Path(step.out)
    mend_checkpoint(step.checkpoints)
    if is_finished(_record(folder), step.checkpoints, max_update(step)):
        tqdm.write(f"{step.name}: had come to its end before", file=sys.stderr)
        _copy_record(folder)
        return True
    watch = JobWatch(call.launcher, folder)
    code, followed = _run(step, call, watch)
    if followed.diverged:
        end_jobs(call.launcher, folder)
        raise _divergence(step, followed)
    if code == 0:
        return True
    watch.ask()
    if not watch.lost or last:
        raise _failure(step, code, followed, watch.state)
    told = watch.state.told if watch.state else ""
    tqdm.write(f"{step.name}: its job {told}; sent again, to go on from the last checkpoint", file=sys.stderr)
    return False


def _run(step: Train, call: _Call, watch: JobWatch) -> tuple[int, Followed]:
    """Start the trainer and wait for its end; return its exit status and the end of its log."""
    folder, launcher = Path(step.out), call.launcher
    with (_job_logs if launcher.queued else _child_log)(folder) as (logs, copy):
        child = start_child(call.command, call.settings, logs[0].path, call.keep_open)

        def ended() -> bool:
            try:
                child.wait(_BLINK)
            except subprocess.TimeoutExpired:
                return watch.over()
            return True

        try:
            followed = follow(logs, ended, title=step.name, max_update=max_update(step), copy=copy)
        except KeyboardInterrupt:
            if launcher.queued:
                tqdm.write(
                    f"{step.name}: the job {job_name(folder)} goes on; the same command finds it", file=sys.stderr
                )
            raise
        finally:
            end_child(child)
            if not launcher.queued:
                end_jobs(launcher, folder)  # torchrun's workers outlive a torchrun that is killed
    return child.returncode, followed


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
    log = record.read_bytes() if record.exists() else b""
    (folder / "train.log").write_bytes(log)
    return len(log)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _divergence(step: Train, followed: Followed) -> XlplError:
    return XlplError(
        f"{step.name}: the training computes nan or inf and cannot recover; the log ends with\n    {_lines(followed)}",
        file=Path(step.out) / "train.log",
        expected="finite losses and gradients",
        remedy="lower optimization.lr, lengthen the warm-up (the first number of lr_scheduler.phase_ratio) or set "
        "optimization.clip_norm=1; on a GPU use common.bf16=true or neither rather than common.fp16=true; then give "
        "the command with --force",
    )


def _failure(step: Train, code: int, followed: Followed, job: JobState | None = None) -> XlplError:
    if job is not None:
        problem = f"{step.name}: the training's job {job.told}"
        remedy = _MORE_MEMORY if job.word == OUT_OF_MEMORY else None
    elif code < 0:
        name = signal.Signals(-code).name
        remedy = "the machine may be out of memory: lower dataset.max_tokens" if name == "SIGKILL" else None
        problem = f"{step.name}: the training was ended by {name}"
    else:
        problem, remedy = f"{step.name}: the training failed with exit status {code}", None
    return XlplError(
        f"{problem}; the log ends with\n    {_lines(followed)}",
        file=Path(step.out) / "train.log",
        expected="a training that ends with exit status 0",
        remedy=remedy
        or f"mend what the log names, then give the same command again; {step.name} goes on from its last checkpoint "
        "(command.txt beside the log runs the training alone)",
    )


def _lines(followed: Followed) -> str:
    return "\n    ".join(followed.end)
