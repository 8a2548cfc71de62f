"""Jobs that go on when their starter ends: is one of them still training in a folder? End it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.rounds.launchers import SLURM, LauncherConfig, job_name


def running_jobs(launcher: LauncherConfig, folder: Path) -> list[str]:
    """Return the ids of the jobs that train in ``folder`` or wait for their turn.

    Slurm is asked for jobs of the folder's name; a job of this machine is a process whose command names the folder.

    Raises:
        XlplError: Slurm does not answer; then nobody knows.
    """
    if launcher.kind == SLURM:
        return _ask("squeue", "--noheader", "--format=%A", f"--name={job_name(folder)}").split()
    return [str(process) for process in _controllers(folder)] if launcher.queued else []


def end_jobs(launcher: LauncherConfig, folder: Path) -> None:
    """End the jobs that train in ``folder``.

    Raises:
        XlplError: Slurm does not answer.
    """
    if launcher.kind == SLURM:
        _ask("scancel", f"--name={job_name(folder)}")
    elif launcher.queued:
        for process in _controllers(folder):
            os.kill(process, signal.SIGINT)


def _ask(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        told = getattr(error, "stderr", None) or str(error)
        raise XlplError(
            f"Slurm does not answer: {str(told).strip()}",
            file=command[0],
            expected="a machine that can submit jobs; a job of a former call may still be training",
            remedy="try the same command again when Slurm answers",
        ) from error


def _controllers(folder: Path) -> list[int]:
    """Return the processes of submitit that run jobs of ``folder``."""
    found = []
    start = f"{folder.absolute()}{os.sep}"
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command: Sequence[str] = entry.read_text(errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if "submitit.local._local" in command and any(part.startswith(start) for part in command):
            found.append(int(entry.parent.name))
    return found
