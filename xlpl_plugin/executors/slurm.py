"""What Slurm is asked, and what its answers mean."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xlpl_plugin.errors import XlplError

# seconds that an answer may take
_PATIENCE = 60
OUT_OF_MEMORY = "OUT_OF_MEMORY"
_ENDED = {
    "BOOT_FAIL": "its node did not start",
    "CANCELLED": "was cancelled",
    "COMPLETED": "came to its end",
    "DEADLINE": "came to its deadline",
    "FAILED": "failed",
    "LAUNCH_FAILED": "could not be started on its node",
    "NODE_FAIL": "its node failed",
    OUT_OF_MEMORY: "was out of memory",
    "PREEMPTED": "was preempted",
    "REVOKED": "was revoked",
    "TIMEOUT": "was out of time",
}
# how the log of a job says that Slurm, or the kernel for it, killed it; its state may be FAILED all the same
_KILLED_FOR_MEMORY = re.compile(r"^slurmstepd.*(exceeded .*memory limit|oom.kill)", re.IGNORECASE | re.MULTILINE)
# what a job waits for that will never come
_HOPELESS = {
    "AssociationJobLimit": "ask for less, or use another account",
    "BadConstraints": "ask for what some node has",
    "DependencyNeverSatisfied": "mend the dependency among the options",
    "InvalidAccount": "name an account that you may use",
    "InvalidQOS": "name a qos that you may use",
    "PartitionNodeLimit": "ask for fewer nodes",
    "PartitionTimeLimit": "lower the time limit, or name a partition that grants it",
}


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    Attributes:
        word: Slurm's word for it, such as RUNNING; empty: nobody knows.
        reason: why it waits, in Slurm's word; empty where it does not.
        job: its number; 0 where nobody knows.
    """

    alive: bool
    word: str = ""
    reason: str = ""
    job: int = 0

    @property
    def told(self) -> str:
        """How it ended, for people."""
        return _ENDED.get(self.word, "was lost: Slurm does not know it any more" if not self.word else self.word)

    @property
    def hopeless(self) -> str:
        """What to do about a job that waits for ever; '' for others."""
        return _HOPELESS.get(self.reason, "") if self.alive else ""

    def with_log(self, log: str) -> JobState:
        """Return the state with the word for a job that ran out of memory where the end of its log says so."""
        return replace(self, word=OUT_OF_MEMORY) if self.word == "FAILED" and _KILLED_FOR_MEMORY.search(log) else self


UNKNOWN = JobState(False)


def ask(*command: str) -> str:
    """Return what one of Slurm's commands prints.

    Raises:
        XlplError: it fails or is missing; then nobody knows.
    """
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PATIENCE).stdout
    except (OSError, subprocess.SubprocessError) as error:
        answer = getattr(error, "stderr", None) or str(error)
        raise XlplError(
            f"Slurm does not answer: {str(answer).strip()}",
            file=command[0],
            expected="a machine that can submit jobs; a job of a former call may still be at work",
            remedy="try the same command again when Slurm answers",
        ) from error


def states(name: str) -> dict[int, JobState]:
    """Return how the jobs of this name stand, by their places in the array (0 for a single job).

    Of several jobs in one place the youngest counts. Slurm itself remembers a job for some minutes after its end
    (MinJobAge), its accounting, where there is one, for long.

    Raises:
        XlplError: Slurm does not answer.
    """
    rows = ask("squeue", "--noheader", "--array", "--states=all", "--format=%F|%K|%T|%r", f"--name={name}")
    found = _accounted(name)
    for line in filter(str.strip, rows.splitlines()):
        job, place, word, reason = line.strip().split("|", 3)
        _keep_youngest(found, place, _state(int(job), word, reason))
    return found


def _keep_youngest(found: dict[int, JobState], place: str, state: JobState) -> None:
    number = int(place) if place.isdecimal() else 0
    if state.job >= found.get(number, UNKNOWN).job:
        found[number] = state


def _state(job: int, word: str, reason: str = "") -> JobState:
    word = word.split()[0].rstrip("+") if word.strip() else ""  # "CANCELLED by 1000"
    return JobState(word not in _ENDED, word, reason if word == "PENDING" else "", job)


def _accounted(name: str) -> dict[int, JobState]:
    """Return how jobs ended that Slurm's accounting knows; nothing where there is no accounting."""
    command = ("sacct", "--noheader", "--parsable2", "--allocations", "--starttime=now-30days", "--format=JobID,State")
    try:
        rows = subprocess.run(
            [*command, f"--name={name}"], check=True, capture_output=True, text=True, timeout=_PATIENCE
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found = dict[int, JobState]()
    for line in rows.splitlines():
        name_of_job, _, word = line.partition("|")
        job, _, place = name_of_job.partition("_")
        if job.isdecimal() and (place.isdecimal() or not place):  # others stand for several that wait
            _keep_youngest(found, place, _state(int(job), word))
    return found


def cancel(name: str) -> None:
    """Cancel the jobs of this name.

    Raises:
        XlplError: Slurm does not answer.
    """
    ask("scancel", f"--name={name}")


def has_gpus(partition: str | None) -> bool:
    """Whether a partition has GPUs, the default one where none is named; True where Slurm does not say."""
    try:
        output = ask("sinfo", "--noheader", "--format=%P %G")
    except XlplError:
        return True  # sbatch says what is wrong
    rows = [line.split(maxsplit=1) for line in output.splitlines() if line.strip()]
    # the default partition is marked with a star
    own = [devices for name, devices in rows if (name.rstrip("*") == partition if partition else name.endswith("*"))]
    return any("gpu" in devices for devices in own or [devices for _, devices in rows]) or not rows


def option_of(words: Sequence[str], key: str) -> str | None:
    """Return the value that the last of several KEY=VALUE gives ``key``."""
    start = f"{key}="
    return next((word.removeprefix(start) for word in reversed(words) if word.startswith(start)), None)
