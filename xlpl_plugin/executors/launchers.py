"""How a training is started: in place, by torchrun, or as a job that waits in a queue."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.slurm import has_gpus, option_of
from xlpl_plugin.schema import join, option

LOCAL, TORCHRUN, SLURM, SUBMITIT_LOCAL = "local", "torchrun", "slurm", "submitit_local"
KINDS = (LOCAL, TORCHRUN, SLURM, SUBMITIT_LOCAL)
_QUEUES = {SLURM: "submitit_slurm", SUBMITIT_LOCAL: "submitit_local"}  # hydra's names of its launchers
_LAUNCHER = "hydra.launcher."


@dataclass
class LauncherConfig:
    """Where and by how many processes a training is computed. A batch grows with processes and nodes."""

    kind: str = option(
        LOCAL,
        "local (fairseq takes the GPUs that it sees), torchrun, slurm, submitit_local (a job on this machine, for "
        "tests)",
        choices=KINDS,
    )
    processes: int = option(1, "torchrun, slurm, submitit_local: processes on each node, one for each GPU", least=1)
    nodes: int = option(1, "torchrun, slurm: machines", least=1)
    gpus: int | None = option(
        None,
        "slurm: GPUs asked for with each process, 1 or 0; null: 1, but 0 where sinfo names none in the partition",
        least=0,
        most=1,
    )
    tries: int = option(
        3, "slurm: how often a training's job is sent that Slurm loses or ends, with the first time", least=1
    )
    options: list[str] = option(
        [],
        "slurm, submitit_local: hydra.launcher.KEY=VALUE, such as hydra.launcher.timeout_min=2880 (needed) or "
        "hydra.launcher.partition=gpu; torchrun: options of torch.distributed.run; with nodes the first machine's "
        "--rdzv-endpoint=HOST:PORT, and the printed command is started on the other machines by hand",
    )

    @property
    def queued(self) -> bool:
        """Whether the training is a job that goes on when its starter ends."""
        return self.kind in _QUEUES

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for values that do not fit together, or a launcher that is not installed."""
        kind = f"{join(key, 'kind')}={self.kind}"
        if self.kind == LOCAL and (self.processes, self.nodes, self.options) != (1, 1, []):
            raise XlplError(
                f"{kind} has no processes, nodes or options",
                expected="kind alone; fairseq then starts a process for each GPU that it sees",
                remedy=f"choose the GPUs with CUDA_VISIBLE_DEVICES, or set {join(key, 'kind')}=torchrun",
            )
        if self.kind == SUBMITIT_LOCAL and self.nodes > 1:
            raise XlplError(f"{kind} has one node", expected=f"{join(key, 'nodes')}=1")
        self._check_options(kind, join(key, "options"))
        if self.queued and importlib.util.find_spec("hydra_plugins.hydra_submitit_launcher") is None:
            raise XlplError(
                f"{kind} needs hydra's launcher of jobs, which is not installed",
                expected="the package hydra-submitit-launcher in this environment",
                remedy="pip install hydra-submitit-launcher",
            )

    def _check_options(self, kind: str, key: str) -> None:
        start = _LAUNCHER if self.queued else "--"
        for word in self.options:
            if not word.startswith(start) or (self.queued and "=" not in word):
                raise XlplError(
                    f"{key}: {word!r} is none of {self.kind}",
                    expected=f"{_LAUNCHER}KEY=VALUE" if self.queued else "an option of torch.distributed.run",
                )
        if self.queued and not any(word.startswith(f"{_LAUNCHER}timeout_min=") for word in self.options):
            raise XlplError(
                f"{kind} has no time limit, and submitit would end the training after an hour",
                expected=f"a time limit among {key}",
                remedy="add hydra.launcher.timeout_min=MINUTES",
            )
        if self.kind == TORCHRUN and self.nodes > 1 and not any("rdzv-endpoint" in word for word in self.options):
            raise XlplError(
                f"{kind}: the nodes do not know where to meet",
                expected=f"--rdzv-endpoint=HOST:PORT among {key}",
                remedy="name the first machine and a free port of it",
            )


def job_name(folder: Path) -> str:
    """Return the name of the jobs that train in ``folder``: the same for every starter, another for every folder."""
    path = folder.absolute()
    name = "-".join(part for part in path.parts[-3:-1] if part != path.anchor)
    return f"{re.sub(r'[^A-Za-z0-9.-]', '_', name)}-{hashlib.sha256(str(path).encode()).hexdigest()[:10]}"


def starter(launcher: LauncherConfig, folder: Path) -> list[str]:
    """Return what stands before the trainer."""
    if launcher.kind != TORCHRUN:
        return []
    meeting = (
        ["--standalone"]
        if launcher.nodes == 1
        else [f"--nnodes={launcher.nodes}", "--rdzv-backend=c10d", f"--rdzv-id={job_name(folder)}"]
    )
    processes = f"--nproc-per-node={launcher.processes}"
    return [sys.executable, "-m", "torch.distributed.run", *meeting, processes, *launcher.options, "--no-python"]


def arguments(launcher: LauncherConfig, folder: Path, record: str) -> list[str]:
    """Return the trainer's arguments that depend on the launcher.

    Args:
        record: the folder of hydra's record, in the grammar of hydra's overrides.
    """
    if not launcher.queued:
        return [f"hydra.run.dir={record}", *_distributed(launcher, folder, gpus=False)]
    gpus = _asks_for_gpus(launcher)
    return [
        "--multirun",
        f"hydra/launcher={_QUEUES[launcher.kind]}",
        f"hydra.sweep.dir={record}",
        "hydra.sweep.subdir=.",
        f"{_LAUNCHER}name={job_name(folder)}",
        f"{_LAUNCHER}nodes={launcher.nodes}",
        f"{_LAUNCHER}tasks_per_node={launcher.processes}",
        *([f"{_LAUNCHER}gpus_per_node={launcher.processes}"] if gpus else []),
        *launcher.options,
        *_distributed(launcher, folder, gpus),
    ]


def _asks_for_gpus(launcher: LauncherConfig) -> bool:
    """Tell whether a job wants GPUs. A cluster that has none refuses a job that asks for 0 of them, too."""
    if launcher.gpus is not None or launcher.kind != SLURM:
        return launcher.gpus != 0
    return has_gpus(option_of(launcher.options, f"{_LAUNCHER}partition"))


def _distributed(launcher: LauncherConfig, folder: Path, gpus: bool) -> list[str]:
    """Return how the processes find each other.

    fairseq reads Slurm's and torchrun's variables itself, but only where the machine has GPUs, and submitit's never;
    without a world size, each process would train alone and overwrite the others' checkpoints.
    """
    world = launcher.processes * launcher.nodes
    if launcher.kind == LOCAL or world == 1:
        return []
    port = 20_000 + int(hashlib.sha256(job_name(folder).encode()).hexdigest(), 16) % 20_000
    keys = {"distributed_world_size": str(world)}
    if launcher.kind == SLURM and gpus:
        keys |= {"distributed_port": str(port)}
    else:
        rank, local_rank, meeting = {
            SLURM: ("SLURM_PROCID", "SLURM_LOCALID", f"tcp://${{oc.env:SLURM_LAUNCH_NODE_IPADDR}}:{port}"),
            TORCHRUN: ("RANK", "LOCAL_RANK", "env://"),
            SUBMITIT_LOCAL: ("SUBMITIT_LOCAL_GLOBALID", "SUBMITIT_LOCAL_LOCALID", f"tcp://localhost:{port}"),
        }[launcher.kind]
        keys |= {
            "distributed_rank": f"${{oc.env:{rank}}}",
            "device_id": f"${{oc.env:{local_rank}}}",
            "distributed_init_method": f"'{meeting}'",
            "distributed_no_spawn": "true",
        }
    return [f"++distributed_training.{key}={value}" for key, value in keys.items()]


def refuse_sweeps(overrides: Sequence[str]) -> None:
    """Refuse overrides that a queue's launcher would take for several trainings.

    Raises:
        XlplError: such as ``optimization.max_update=100,200``.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser  # slow to import

    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_sweep_override():
            raise XlplError(
                f"{override.input_line!r} means several trainings",
                expected="one value",
                remedy="put a list into brackets, and a text that holds a comma into quotes",
            )
