"""``plan.json``: the steps of a run, for people and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.run.plan.steps import Step


@dataclass(frozen=True)
class PlannedStep:
    """One step.

    Attributes:
        kind: name of its class.
        stage: folder of its stage.
        needs: names of the steps whose output it reads.
        options: all of its fields.
    """

    name: str
    kind: str
    stage: str
    needs: tuple[str, ...]
    options: dict[str, Any]

    @classmethod
    def of(cls, step: Step) -> PlannedStep:
        return cls(step.name, type(step).__name__, step.stage.folder, step.needs, asdict(step))

    @property
    def folder(self) -> str:
        """The folder in the run that it works in: that of its stage, or of another source acoustic model."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class PlanFile(JsonRecord):
    """The steps in their order."""

    steps: tuple[PlannedStep, ...]

    holds = "the plan of a run"
    written_by = "`xlpl iterate`"

    @classmethod
    def of(cls, plan: Sequence[Step]) -> PlanFile:
        """Return the file of a plan."""
        return cls(tuple(PlannedStep.of(step) for step in plan))
