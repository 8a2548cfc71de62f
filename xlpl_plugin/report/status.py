"""How a run stands: finished or not, which stage is its best, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from xlpl_plugin.monitoring.best_round import StopConfig, Verdict, decide, go_no_go
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.report.contents import Ending, RunStatus, StageReport, StepReport
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import Stage


def run_status(result: Result | None, steps: Sequence[StepReport], stages: Sequence[StageReport]) -> RunStatus:
    """Put together how a run stands.

    Args:
        result: what the run wrote after the last round that it measured; without it this report judges the rounds.
        steps: of the plan, with their states.
        stages: with their signals.
    """
    counts = Counter(step.status for step in steps)
    planned = [stage.number for step in steps if (stage := Stage.parse(step.step.stage)).is_round]
    history = _history(stages)
    decision = decide(history, StopConfig()) if history and result is None else None
    measured = result.rounds if result else len(history) - 1 if history else None
    best = result.best_stage if result else Stage.round(decision.best) if decision else None
    note = "" if result and result.finished else "among the rounds so far"
    if decision:
        note = "by this report: the run stored no result"
    return RunStatus(
        ending=_ending(result, measured or 0, steps),
        best=best,
        model=result.model if result else "",
        reason=result.stopped if result else "",
        note=note if best else "",
        rounds_measured=measured,
        rounds_planned=max(planned, default=None),
        steps_done=counts["done"],
        steps_planned=len(steps),
        next_step=next((step.step.name for step in steps if step.status != "done"), ""),
        zero_shot=result.verdict if result else _verdict(history),
    )


def _verdict(history: Sequence[Signals]) -> Verdict | None:
    return go_no_go(history[0], StopConfig()) if history and history[0].evidence is not None else None


def _ending(result: Result | None, last: int, steps: Sequence[StepReport]) -> Ending:
    """Judge by the result, unless something that it rests on was taken up again since."""
    if not steps and result is None:
        return "unknown"
    behind = [step for step in steps if not _is_after(step, last)]
    if result and all(step.status == "done" for step in behind):
        return "stopped" if result.stopped else "finished" if result.finished else "unfinished"
    return "finished" if all(step.status == "done" for step in steps) else "unfinished"


def _is_after(step: StepReport, last: int) -> bool:
    """Whether a step belongs to a round after the last one that was measured."""
    stage = Stage.parse(step.step.stage)
    return stage.is_round and stage.number > last


def _history(stages: Sequence[StageReport]) -> list[Signals]:
    """Return the signals of round 0 and on, as far as no round lacks them."""
    history = []
    for number, entry in enumerate(stages):
        if entry.stage != Stage.round(number) or entry.measured is None:
            break
        history.append(entry.measured.signals)
    return history
