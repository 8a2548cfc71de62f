"""Where the work of a run that is no training is done, and what its jobs ask for."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.launchers import LOCAL, SLURM, SUBMITIT_LOCAL
from xlpl_plugin.schema import join, option

EXECUTORS = (LOCAL, SLURM, SUBMITIT_LOCAL)
# steps that are single jobs where the user says so
TUNE, SELECT, SAMPLE, VOTE, MEASURE = "tune", "select", "sample", "vote", "measure"
SINGLE_STEPS = (TUNE, SELECT, SAMPLE, VOTE, MEASURE)
MOST_PARTS = 1000  # Slurm's MaxArraySize, where it is not set, is 1001


@dataclass
class JobNeeds:
    """What a job of one kind of work asks for."""

    cpus: int = option(4, "CPUs, and processes that decode", least=1)
    gpus: int | None = option(
        0, "GPUs; null: 1, but 0 where sinfo names none in the partition, or device=cpu", least=0, most=8
    )
    memory: float | None = option(8.0, "GB of memory; null: what the partition gives", above=0)
    minutes: int = option(240, "time limit; a job that comes to it is sent again and goes on", least=1)
    options: list[str] = option([], "slurm: added after those of all kinds, such as partition=gpu")


@dataclass
class LabellingConfig:
    """Where emissions and labels are computed, and single steps too. None of it changes what they give."""

    executor: str = option(
        LOCAL,
        "local (the machine of this command), slurm, submitit_local (jobs on this machine, for tests)",
        choices=EXECUTORS,
    )
    parts: int = option(
        8, "jobs that each split's emissions and labels are cut into; at most one a shard", least=1, most=MOST_PARTS
    )
    steps: list[str] = option(
        [], "steps that are sent as single jobs as well: tune, select, sample, vote, measure", choices=SINGLE_STEPS
    )
    tries: int = option(
        3, "how often a job is sent that is lost, ended by Slurm or killed, with the first time", least=1
    )
    options: list[str] = option([], "slurm: options of sbatch as KEY=VALUE, such as partition=cpu or account=speech")
    emissions: JobNeeds = option(JobNeeds(gpus=None), "jobs that run an acoustic model: emissions, and select")
    labels: JobNeeds = option(JobNeeds(), "jobs that decode")
    single: JobNeeds = option(JobNeeds(), "the other single steps")

    @property
    def queued(self) -> bool:
        """Whether work is done by jobs that go on when their sender ends."""
        return self.executor != LOCAL

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for values that do not fit together."""
        kind = f"{join(key, 'executor')}={self.executor}"
        self._check_options(join(key, "options"), self.options)
        for name, needs in (("emissions", self.emissions), ("labels", self.labels), ("single", self.single)):
            self._check_options(join(key, f"{name}.options"), needs.options)
        if not self.queued and self.steps:
            raise XlplError(f"{kind} sends no jobs", expected=f"no {join(key, 'steps')}, or executor=slurm")

    def _check_options(self, key: str, words: list[str]) -> None:
        if words and self.executor != SLURM:
            raise XlplError(f"{key} of executor={self.executor}", expected="none; sbatch alone takes such options")
        for word in words:
            name, equals, _ = word.partition("=")
            if not equals or not name.replace("-", "").replace("_", "").isalnum() or name.startswith("-"):
                raise XlplError(f"{key}: {word!r} is no option of sbatch", expected="KEY=VALUE, such as partition=gpu")
            if name in _OWNED:
                raise XlplError(f"{key}: {name} is set by xlpl", expected="another option", remedy=_OWNED[name])


# options of sbatch that have keys of their own here, or that jobs are found by
_OWNED = {
    "array": "set labelling.parts",
    "job-name": "leave it out: jobs are found again by it",
    "output": "leave it out: a job's log stands beside its record",
    "error": "leave it out: a job's log stands beside its record",
    "time": "set minutes",
    "mem": "set memory",
    "cpus-per-task": "set cpus",
    "gpus-per-node": "set gpus",
    "nodes": "leave it out: a part is computed on one node",
    "ntasks": "leave it out: a part is one task",
}
