"""The engines that carry out jobs: Slurm, and processes of this machine that outlive their sender; both by submitit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors import slurm
from xlpl_plugin.executors.jobs import controllers
from xlpl_plugin.executors.labelling_config import JobNeeds, LabellingConfig
from xlpl_plugin.executors.launchers import SLURM, job_name
from xlpl_plugin.executors.slurm import UNKNOWN, JobState
from xlpl_plugin.files import make_folder

if TYPE_CHECKING:
    import submitit

Command = Sequence[str]


class JobEngine(Protocol):
    """What can carry out the jobs that are sent together from one folder.

    Attributes:
        pause: seconds between two looks at jobs.
        patience: seconds that a file written on another machine may take to be seen on this one.
    """

    pause: float
    patience: float

    def send(self, folder: Path, commands: Sequence[Command]) -> None:
        """Send a job for each command."""

    def states(self, folder: Path, jobs: int) -> list[JobState]:
        """Return how the jobs stand, in the order in which they were sent."""

    def end(self, folder: Path) -> None:
        """End all that still work or wait."""

    def log(self, folder: Path, job: int) -> Path | None:
        """Return what a job printed; None where there is nothing."""


class SlurmEngine:
    """Jobs of Slurm: an array where there are several. They are found again by their name, which follows the folder."""

    pause, patience = 5.0, 120.0

    def __init__(self, labelling: LabellingConfig, needs: JobNeeds, device: str) -> None:
        self._needs = needs
        self._options = dict(word.split("=", 1) for word in (*labelling.options, *needs.options))
        self._device = device

    def send(self, folder: Path, commands: Sequence[Command]) -> None:
        """Send the commands.

        Raises:
            XlplError: Slurm refuses; its words are told.
        """
        shared = {"name": job_name(folder), "slurm_use_srun": False, "slurm_signal_delay_s": 0}
        # written as they are asked for: words of sbatch, not of submitit
        extra = {key.replace("_", "-"): value for key, value in self._options.items()}
        try:
            _submit("slurm", folder, commands, self._parameters() | shared | {"slurm_additional_parameters": extra})
        except RuntimeError as error:  # sbatch said no, or there is none
            said = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
            raise XlplError(
                f"Slurm refuses the jobs: {said or 'it does not say why'}",
                file=folder,
                expected="a partition that exists, and a size that it grants: labelling.options, and cpus, gpus, "
                "memory and minutes of labelling.emissions, labels and single",
                remedy="mend them (sinfo shows what there is), and give the same command again",
            ) from error

    def _parameters(self) -> dict[str, Any]:
        needs, gpus = self._needs, self._needs.gpus
        if gpus is None:
            gpus = int(self._device != "cpu" and slurm.has_gpus(self._options.get("partition")))
        # a cluster that has no GPUs refuses a job that asks for 0 of them, too
        asked = {"cpus_per_task": needs.cpus, "mem_gb": needs.memory, "gpus_per_node": gpus or None}
        return {"timeout_min": needs.minutes, **{key: value for key, value in asked.items() if value is not None}}

    def states(self, folder: Path, jobs: int) -> list[JobState]:
        found = slurm.states(job_name(folder))
        return [found.get(number, UNKNOWN) for number in range(jobs)]

    def end(self, folder: Path) -> None:
        slurm.cancel(job_name(folder))

    def log(self, folder: Path, job: int) -> Path | None:
        return _newest([*folder.glob(f"*_{job}_0_log.out"), *(folder.glob("*_0_log.out") if job == 0 else ())])


class LocalEngine:
    """Processes of this machine, each under a controller of submitit that goes on without its sender."""

    pause, patience = 0.2, 0.0

    def __init__(self, needs: JobNeeds) -> None:
        self._needs = needs

    def send(self, folder: Path, commands: Sequence[Command]) -> None:
        for number, command in enumerate(commands):
            _submit("local", self._folder(folder, number), [command], {"timeout_min": self._needs.minutes})

    def states(self, folder: Path, jobs: int) -> list[JobState]:
        alive = [bool(controllers(self._folder(folder, number))) for number in range(jobs)]
        return [JobState(True, "RUNNING") if lives else JobState(False, "FAILED") for lives in alive]

    def end(self, folder: Path) -> None:
        for job in folder.glob("job-*"):
            for process in controllers(job):
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    os.kill(process, signal.SIGINT)

    def log(self, folder: Path, job: int) -> Path | None:
        return _newest([*self._folder(folder, job).glob("*_log.out")])

    @staticmethod
    def _folder(folder: Path, job: int) -> Path:
        return folder / f"job-{job}"


def engine_of(labelling: LabellingConfig, needs: JobNeeds, device: str) -> JobEngine:
    """Return the engine that a configuration names; it is not ``local``."""
    return SlurmEngine(labelling, needs, device) if labelling.executor == SLURM else LocalEngine(needs)


def _submit(cluster: str, folder: Path, commands: Sequence[Command], parameters: Mapping[str, Any]) -> None:
    """Hand the commands to submitit: several as one array. What it pickles is the name of a function and its words."""
    import submitit  # slow to import

    make_folder(folder)
    executor: submitit.AutoExecutor = submitit.AutoExecutor(folder.absolute(), cluster=cluster)
    executor.update_parameters(stderr_to_stdout=True, **parameters)
    with executor.batch():
        for command in commands:
            executor.submit(subprocess.run, list(command), check=True)


def _newest(files: Sequence[Path]) -> Path | None:
    return max(files, key=lambda file: file.stat().st_mtime, default=None)
