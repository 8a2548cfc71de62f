"""``step.json``: a step that jobs do, as they read it, and how it is cut into parts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.emissions.compute import emit_part
from xlpl_plugin.executors.labelling_config import MEASURE, SAMPLE, SELECT, TUNE, VOTE, JobNeeds, LabellingConfig
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.json_record import JsonRecord, convert
from xlpl_plugin.labelling.label_split import label_part
from xlpl_plugin.run.actions import ACTIONS, Resources
from xlpl_plugin.run.plan.steps import CrossLabels, DrawSample, Emit, Label, Measure, Select, Step, Tune, Vote
from xlpl_plugin.shards.store import Part

_KINDS: dict[str, type[Step]] = {
    kind.__name__: kind for kind in (Emit, Label, Tune, Select, DrawSample, Vote, CrossLabels, Measure)
}
# by the names that the steps have among the options
_SINGLE: dict[str, type[Step]] = {TUNE: Tune, SELECT: Select, SAMPLE: DrawSample, VOTE: Vote, MEASURE: Measure}


@dataclass(frozen=True)
class StepFile(JsonRecord):
    """What a job must know.

    Attributes:
        executor: what the jobs are sent by.
        kind: the step's.
        options: all fields of the step.
        parts: how many it is cut into.
        workers: processes that decode in a job, and threads of an acoustic model.
    """

    executor: str
    kind: str
    options: dict[str, Any]
    parts: int
    workers: int
    device: str
    max_seconds: float

    holds = "a step for jobs"
    written_by = "`xlpl iterate`"

    @classmethod
    def of(cls, step: Step, resources: Resources) -> StepFile:
        """Return the file of a step; reads the manifest of one that is cut into parts."""
        labelling = resources.labelling
        workers = needs_of(step, labelling).cpus
        options = json.loads(json.dumps(asdict(step)))  # as it is read back, for comparison
        told = type(step).__name__, options, _parts(step, labelling.parts)
        return cls(labelling.executor, *told, workers, resources.device, resources.max_seconds)

    def do(self, part: int, file: Path) -> str:
        """Do a part; return what there is to tell.

        Args:
            file: of this record, for errors.
        """
        step = convert(self.options, _KINDS[self.kind], file, holds=self.holds, written_by=self.written_by)
        resources = Resources((), LauncherConfig(), self.workers, self.device, self.max_seconds)
        if isinstance(step, Emit):
            emit_part(resources.give(step.config), Part(part, self.parts))
            return ""
        if isinstance(step, Label):
            label_part(resources.give(step.config), Part(part, self.parts))
            return ""
        return ACTIONS[type(step)](step, resources) or ""


def is_sent(step: Step, labelling: LabellingConfig) -> bool:
    """Whether jobs do a step."""
    single = tuple(_SINGLE[name] for name in labelling.steps)
    return labelling.queued and isinstance(step, (Emit, Label, *single))


def needs_of(step: Step, labelling: LabellingConfig) -> JobNeeds:
    """Return what a job of the step's kind asks for."""
    if isinstance(step, Emit | Select):
        return labelling.emissions
    return labelling.labels if isinstance(step, Label | Vote) else labelling.single


def _parts(step: Step, most: int) -> int:
    """Return the number of parts of a step: shards are not cut."""
    if not isinstance(step, Emit | Label):
        return 1
    config = step.config
    utterances = len(read_manifest(config.data, config.split, labels=False).utterances)
    return max(1, min(most, -(-utterances // config.shard_size)))
