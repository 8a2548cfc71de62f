"""How a run stands: finished or not, which round is its best, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from xlpl_plugin.labels.signals import Signals
from xlpl_plugin.report.contents import Outcome, RoundReport, Standing, StepTime
from xlpl_plugin.report.progress import round_of
from xlpl_plugin.rounds.stopping import StopConfig, Verdict, decide, go_no_go


@dataclass(frozen=True)
class Choice:
    """The best round as the run, or this report, sees it."""

    best: int | None
    reason: str = ""
    note: str = ""


def stand(
    result: Mapping[str, Any] | None,
    decision: Mapping[str, Any] | None,
    steps: Sequence[StepTime],
    rounds: Sequence[RoundReport],
) -> Standing:
    """Put together how a run stands.

    Args:
        result: result.json, if the run has ended.
        decision: of the newest signals.json that holds one.
        steps: of the plan, with their states.
        rounds: with their signals.
    """
    history = _history(rounds)
    outcome = _outcome(result, steps)
    current = result if outcome in ("finished", "stopped") else None
    choice = _choice(current, decision, history)
    counts = Counter(step.status for step in steps)
    planned = [number for step in steps if (number := round_of(step.stage)) is not None]
    return Standing(
        outcome=outcome,
        best=choice.best,
        model=str(current.get("model", "")) if current else "",
        reason=choice.reason,
        note=choice.note,
        rounds_planned=max(planned, default=None),
        steps_done=counts["done"],
        steps_planned=len(steps),
        next_step=next((step.name for step in steps if step.status != "done"), ""),
        zero_shot=_zero_shot(history),
    )


def _outcome(result: Mapping[str, Any] | None, steps: Sequence[StepTime]) -> Outcome:
    """Judge by result.json, unless the run was taken up again since: then a step is begun, or out of date."""
    touched = any(step.status in ("begun", "outdated") for step in steps)
    if result and not touched:
        if result.get("stopped"):
            return "stopped"
        return "finished" if all(step.status == "done" for step in steps) else "unfinished"
    if not steps:
        return "unknown"
    return "finished" if all(step.status == "done" for step in steps) else "unfinished"


def _choice(result: Mapping[str, Any] | None, decision: Mapping[str, Any] | None, history: Sequence[Signals]) -> Choice:
    if result and result.get("best") is not None:
        return Choice(int(result["best"]), str(result.get("stopped") or (decision or {}).get("reason") or ""))
    if decision and decision.get("best") is not None:
        return Choice(int(decision["best"]), str(decision.get("reason") or ""), "the best of the rounds so far")
    if history:
        made = decide(history, StopConfig())
        return Choice(made.best, made.reason, "chosen by this report: the run stored no decision")
    return Choice(None)


def _zero_shot(history: Sequence[Signals]) -> Verdict | None:
    """Return the verdict of today's rule, where round 0 measured what it needs."""
    return go_no_go(history[0], StopConfig()) if history and history[0].evidence is not None else None


def _history(rounds: Sequence[RoundReport]) -> list[Signals]:
    """Return the signals of round 0 and on, as far as no round lacks them."""
    known = {field.name for field in fields(Signals)}
    history = []
    for number, entry in enumerate(rounds):
        if entry.number != number or not entry.signals:
            break
        values: dict[str, Any] = {key: value for key, value in entry.signals.items() if key in known}
        try:
            history.append(Signals(**values))
        except TypeError:  # a former run lacks a signal that is needed today
            break
    return history
