"""A step is done here, or by jobs; jobs that an earlier call sent are found again, or ended where they are no use."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.emissions.compute import join_emissions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.engines import JobEngine, engine_of
from xlpl_plugin.executors.labelling_config import LabellingConfig
from xlpl_plugin.executors.work import Work, carry_out, clear
from xlpl_plugin.files import make_folder, read_json
from xlpl_plugin.run.actions import Action, Resources
from xlpl_plugin.run.jobs.step_file import StepFile, is_sent, needs_of
from xlpl_plugin.run.plan.steps import Emit, Label, Step
from xlpl_plugin.shards.store import PROVENANCE_FILE

_FILE = "step.json"
_SHARDS_FOLDER = "shards"


def perform(step: Step, resources: Resources, action: Action) -> str | None:
    """Do a step, with ``action`` where no jobs do it; return what there is to tell.

    Raises:
        XlplError: as the action, or as ``carry_out``.
    """
    if not is_sent(step, resources.labelling):
        forget(step, resources)
        return action(step, resources)
    folder, wanted = _folder(step, resources), StepFile.of(step, resources)
    if StepFile.read_if_there(folder / _FILE) != wanted:
        forget(step, resources)
        wanted.write(make_folder(folder) / _FILE)
    needs = needs_of(step, resources.labelling)
    engine = engine_of(resources.labelling, needs, resources.device)
    work = Work(step.name, folder, wanted.parts, _Command(folder / _FILE), resources.labelling.tries)
    told = carry_out(work, engine)
    _await_results(step, engine)
    if isinstance(step, Emit):
        join_emissions(resources.give(step.config))
        return None
    # all shards are there: what is left is to join them
    return action(step, resources) if isinstance(step, Label) else told[0].told


def forget(step: Step, resources: Resources) -> None:
    """End the jobs that an earlier call sent for a step, and take their records away.

    Raises:
        XlplError: what carries them out does not answer, or they do not end.
    """
    folder = _folder(step, resources)
    former = StepFile.read_if_there(folder / _FILE)
    engines = [engine_of(LabellingConfig(former.executor), resources.labelling.single, "")] if former else []
    clear(folder, engines)


class _Command:
    """Makes the command of a part."""

    def __init__(self, file: Path) -> None:
        self._file = file.absolute()

    def __call__(self, part: int, outcome: Path) -> Sequence[str]:
        module = "xlpl_plugin.run.jobs.do_part"
        return [sys.executable, "-m", module, str(self._file), str(part), str(outcome.absolute())]


def _folder(step: Step, resources: Resources) -> Path:
    return resources.jobs / step.name.replace("/", ".")


def _await_results(step: Step, engine: JobEngine) -> None:
    """Wait until what jobs wrote on other machines can be seen on this one.

    Raises:
        XlplError: it cannot, within the engine's patience.
    """
    out, deadline, told = Path(step.out), time.monotonic() + engine.patience, False
    while not _is_seen(step, out):
        if time.monotonic() > deadline:
            raise XlplError(
                f"{step.name}: its jobs have ended, but what they wrote is not seen on this machine",
                file=out,
                expected="a disk that all machines of the cluster share",
                remedy="put the run and its data on such a disk; then give the same command again",
            )
        if not told:
            tqdm.write(f"{step.name}: done; its files are waited for on this machine", file=sys.stderr)
        told = True
        time.sleep(min(engine.pause, 1.0))


def _is_seen(step: Step, out: Path) -> bool:
    try:
        names = set(os.listdir(out.parent))  # asks a network disk anew
        if not isinstance(step, Emit | Label):
            return out.name in names
        shards = {name for name in os.listdir(out / _SHARDS_FOLDER) if name.endswith(".json")}
    except FileNotFoundError:
        return False
    return len(shards) >= int(read_json(out / PROVENANCE_FILE)["settings"]["shards"])
