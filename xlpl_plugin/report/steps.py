"""How far a run is: each step of its plan, whether it is done, and whether it still fits what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from xlpl_plugin.report.contents import StepReport, StepStatus
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.plan_file import PlanFile
from xlpl_plugin.run.state import Progress, RunState


def read_steps(layout: RunLayout) -> tuple[StepReport, ...]:
    """Return the steps of plan.json with what state.json says of them; none without a plan.

    Raises:
        XlplError: one of the files is not what `xlpl iterate` writes.
    """
    plan = PlanFile.read_if_there(layout.plan)
    if plan is None:
        return ()
    state = RunState(layout.state)
    steps: dict[str, StepReport] = {}
    for step in plan.steps:
        progress = state[step.name]
        status = _status(progress, [steps[need] for need in step.needs if need in steps])
        steps[step.name] = StepReport(step, progress or Progress("", done=False), status)
    return tuple(steps.values())


def _status(progress: Progress | None, needs: Sequence[StepReport]) -> StepStatus:
    if progress is None:
        return "open"
    if not progress.done:
        return "begun"
    if any(need.status != "done" or _later(need.progress.finished, progress.finished) for need in needs):
        return "outdated"
    return "done"


def _later(first: str, second: str) -> bool:
    """Whether the first of two times that ``RunState`` wrote is after the second; an unknown time is not."""
    return bool(first and second) and datetime.fromisoformat(first) > datetime.fromisoformat(second)
