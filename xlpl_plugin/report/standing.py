"""How a run stands: finished or not, which round is its best, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.monitoring.best_round import StopConfig, Verdict, decide, go_no_go
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.report.contents import Outcome, RoundReport, Standing, StepTime
from xlpl_plugin.report.progress import round_of
from xlpl_plugin.report.stages import CONTINUOUS


def stand(
    result: Mapping[str, Any] | None, steps: Sequence[StepTime], rounds: Sequence[RoundReport], file: Path
) -> Standing:
    """Put together how a run stands.

    Args:
        result: result.json, which a run writes after each round that it has measured; ``file`` is for the error.
        steps: of the plan, with their states.
        rounds: with their signals.

    Raises:
        XlplError: a result that is none.
    """
    history = _history(rounds)
    counts = Counter(step.status for step in steps)
    planned = [number for step in steps if (number := round_of(step.stage)) is not None]
    told = _told(result, file) if result is not None else _judged(history)
    return Standing(
        outcome=_outcome(told, steps),
        best=told.best,
        model=told.model,
        reason=told.stopped,
        note=told.note,
        rounds_measured=told.rounds,
        rounds_planned=max(planned, default=None),
        steps_done=counts["done"],
        steps_planned=len(steps),
        next_step=next((step.name for step in steps if step.status != "done"), ""),
        zero_shot=told.verdict,
    )


@dataclass(frozen=True)
class _Told:
    """What the run says of itself, or this report in its place."""

    rounds: int | None
    best: int | None
    verdict: Verdict | None
    model: str = ""
    finished: bool | None = None
    stopped: str = ""
    note: str = ""


def _told(result: Mapping[str, Any], file: Path) -> _Told:
    try:
        return _Told(
            rounds=result["rounds"],
            best=CONTINUOUS if (result.get("continuous") or {}).get("taken") else result["best"],
            verdict=Verdict(**result["verdict"]),
            model=result["model"],
            finished=result["finished"],
            stopped=result["stopped"],
            note="" if result["finished"] else "among the rounds so far",
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise XlplError(
            f"not the result of a run ({error})", file=file, expected="what 'xlpl iterate' wrote"
        ) from error


def _judged(history: Sequence[Signals]) -> _Told:
    """Judge by today's rules, for a run that did not judge itself."""
    if not history:
        return _Told(None, None, None)
    decision = decide(history, StopConfig())
    verdict = go_no_go(history[0], StopConfig()) if history[0].evidence is not None else None
    note = "by this report: the run stored no result"
    return _Told(len(history) - 1, decision.best, verdict, note=note)


def _outcome(told: _Told, steps: Sequence[StepTime]) -> Outcome:
    """Judge by the result, unless something that it rests on was taken up again since."""
    if not steps and told.finished is None:
        return "unknown"
    last = told.rounds or 0
    behind = [step for step in steps if (round_of(step.stage) or 0) <= last]
    if told.finished is not None and all(step.status == "done" for step in behind):
        return "stopped" if told.stopped else "finished" if told.finished else "unfinished"
    return "finished" if all(step.status == "done" for step in steps) else "unfinished"


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
