"""How far a run is: each step of its plan, whether it is done, and whether it still fits what it was made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json
from xlpl_plugin.report.contents import Status, StepTime
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.state import Progress, RunState

_ROUND = re.compile(r"round-(\d+)")
# one of several source AMs has steps of its own: round-0/voter-2/emit/train
_VOTER = re.compile(r"voter-\d+")


def read_steps(layout: RunLayout) -> tuple[StepTime, ...]:
    """Return the steps of plan.json with what state.json says of them; none without a plan.

    Raises:
        XlplError: one of the files is not what `xlpl iterate` writes.
    """
    if not layout.plan.exists():
        return ()
    state = RunState(layout.state)
    steps: dict[str, StepTime] = {}
    for name, needs in _planned(layout):
        progress = state[name] or Progress("", done=False)
        stage, *rest = name.split("/")
        kinds = [part for part in rest if not _VOTER.fullmatch(part)]
        steps[name] = StepTime(
            name=name,
            stage=stage,
            kind=kinds[0] if kinds else stage,
            status=_status(state[name], [steps[need] for need in needs if need in steps]),
            seconds=progress.seconds,
            finished=progress.finished,
        )
    return tuple(steps.values())


def _planned(layout: RunLayout) -> list[tuple[str, Sequence[str]]]:
    try:
        entries: list[Mapping[str, Any]] = read_json(layout.plan)
        return [(entry["name"], entry["needs"]) for entry in entries]
    except (KeyError, TypeError) as error:
        raise XlplError(
            f"not the plan of a run ({error})", file=layout.plan, expected="what 'xlpl iterate' wrote"
        ) from error


def _status(progress: Progress | None, needs: Sequence[StepTime]) -> Status:
    if progress is None:
        return "open"
    if not progress.done:
        return "begun"
    if any(need.status != "done" or _later(need.finished, progress.finished) for need in needs):
        return "outdated"
    return "done"


def _later(first: str, second: str) -> bool:
    """Whether the first of two times that ``RunState`` wrote is after the second; an unknown time is not."""
    return bool(first and second) and datetime.fromisoformat(first) > datetime.fromisoformat(second)


def round_of(stage: str) -> int | None:
    """Return the number in ``round-3``; None for a stage that is no round."""
    found = _ROUND.fullmatch(stage)
    return int(found[1]) if found else None
