"""A training's job while its starter waits, which would wait for ever where Slurm keeps no accounts of ended jobs."""

from __future__ import annotations

import time
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.launchers import SLURM, LauncherConfig, job_name
from xlpl_plugin.executors.slurm import OUT_OF_MEMORY, UNKNOWN, JobState, cancel, states
from xlpl_plugin.files import read_end

# seconds between two questions, and for which the starter of a job that has ended may take to notice
_PAUSE, _NOTICE = 10.0, 30.0
# how a job ends that is no fault of the training
_LOST = {"", "BOOT_FAIL", "CANCELLED", "LAUNCH_FAILED", "NODE_FAIL", OUT_OF_MEMORY, "PREEMPTED", "TIMEOUT"}


class JobWatch:
    """Follows the next job that is sent for the training in ``folder``.

    Attributes:
        state: how it stood when Slurm was last asked; None: no job has been seen, or the launcher is another one.
    """

    def __init__(self, launcher: LauncherConfig, folder: Path) -> None:
        self._name = job_name(folder) if launcher.kind == SLURM else ""
        self._logs = folder / "hydra" / ".submitit"
        self.state: JobState | None = None
        self._asked = time.monotonic()
        self._ended: float | None = None
        self._before = state.job if self._name and (state := self._look()) else 0

    def over(self) -> bool:
        """Say whether the job has ended so long ago that its starter will not notice.

        Raises:
            XlplError: the job waits for what will never be; it was cancelled.
        """
        if not self._name or time.monotonic() < self._asked + _PAUSE:
            return False
        self.ask()
        if self.state and self.state.hopeless:
            cancel(self._name)
            raise XlplError(
                f"the training's job would wait for ever ({self.state.reason}), and was cancelled",
                expected="a job that Slurm can start",
                remedy=f"{self.state.hopeless}; then give the same command again",
            )
        if self.state is None or self.state.alive:
            self._ended = None
            return False
        self._ended = self._ended or time.monotonic()
        return time.monotonic() > self._ended + _NOTICE

    def ask(self) -> None:
        """Bring ``state`` up to date; it stays as it is while Slurm does not answer."""
        self._asked = time.monotonic()
        found = self._look()
        if found and found.job > self._before:
            self.state = found.with_log(self._log(found.job))
        elif found is None and self.state is not None:
            self.state = UNKNOWN

    @property
    def lost(self) -> bool:
        """Whether the job ended by no fault of the training, so that it may be sent again."""
        return self.state is not None and not self.state.alive and self.state.word in _LOST

    def _log(self, job: int) -> str:
        """Return the end of what Slurm, srun and the training said on stderr."""
        return "\n".join(map(read_end, self._logs.glob(f"{job}/*_log.err")))

    def _look(self) -> JobState | None:
        try:
            return states(self._name).get(0)
        except XlplError:
            return self.state
