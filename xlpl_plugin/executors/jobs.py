"""Trainings that outlived their starter: does one still work in a folder? End it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from xlpl_plugin.executors.launchers import SLURM, LauncherConfig, job_name
from xlpl_plugin.executors.slurm import ask, cancel

_CONTROLLER = "submitit.local._local"


def running_jobs(launcher: LauncherConfig, folder: Path) -> list[str]:
    """Return the ids of the jobs that train in ``folder`` or wait for their turn.

    Slurm is asked for jobs of the folder's name. Elsewhere a job is a process of this machine whose command names the
    folder as the one of the checkpoints, however it was started.

    Raises:
        XlplError: Slurm does not answer; then nobody knows.
    """
    if launcher.kind == SLURM:
        return ask("squeue", "--noheader", "--format=%A", f"--name={job_name(folder)}").split()
    return [str(process) for process in _processes(folder)]


def end_jobs(launcher: LauncherConfig, folder: Path) -> None:
    """End the jobs that train in ``folder``.

    Raises:
        XlplError: Slurm does not answer.
    """
    if launcher.kind == SLURM:
        cancel(job_name(folder))
        return
    for process, command in _processes(folder).items():
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            # submitit passes SIGTERM on to tasks that ignore it
            os.kill(process, signal.SIGINT if _CONTROLLER in command else signal.SIGTERM)


def controllers(folder: Path) -> list[int]:
    """Return submitit's processes of this machine that look after jobs in ``folder``."""
    path = str(folder.absolute())
    return [process for process, command in _commands() if _CONTROLLER in command and path in command]


def _processes(folder: Path) -> dict[int, list[str]]:
    """Return the trainers of this machine that save in ``folder``, and submitit's processes that look after them."""
    found = {}
    path = str(folder.absolute())
    for process, command in _commands():
        words = (word.partition("=") for word in command)
        trains = any(
            key.lstrip("+") == "checkpoint.save_dir" and value.strip("'") == f"{path}{os.sep}checkpoints"
            for key, _, value in words
        )
        looks_after = _CONTROLLER in command and any(word.startswith(f"{path}{os.sep}") for word in command)
        if trains or looks_after:
            found[process] = command
    return found


def _commands() -> Iterator[tuple[int, list[str]]]:
    """Yield the processes of this machine with their commands."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield int(entry.parent.name), entry.read_text(errors="replace").split("\0")
