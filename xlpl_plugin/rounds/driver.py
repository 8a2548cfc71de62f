"""Runs the steps of a plan, each once; the same call goes on where an earlier one stopped."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import PART, sha256, write_json, write_text
from xlpl_plugin.rounds.actions import ACTIONS, Action, Resources
from xlpl_plugin.rounds.changes import frozen_yaml, refuse_changes, refuse_strangers
from xlpl_plugin.rounds.checks import check
from xlpl_plugin.rounds.layout import RunLayout
from xlpl_plugin.rounds.lock import locked
from xlpl_plugin.rounds.options import IterateConfig
from xlpl_plugin.rounds.outcome import Outcome, judge, refuse_hopeless
from xlpl_plugin.rounds.plan import make_plan
from xlpl_plugin.rounds.pruning import prune
from xlpl_plugin.rounds.state import RunState
from xlpl_plugin.rounds.steps import Measure, Step, fingerprints
from xlpl_plugin.rounds.training import find_trainer


def iterate(
    config: IterateConfig,
    *,
    force: bool = False,
    from_round: int | None = None,
    until_round: int | None = None,
    actions: Mapping[type[Step], Action] = ACTIONS,
) -> None:
    """Run or resume ``config`` in its run directory.

    Args:
        force: accept a configuration or inputs other than those the directory was begun with; what they touch is
            done again, the rest is kept.
        from_round: do this round and all later ones again, even if they were done. The source AM is kept.
        until_round: end after this round; a later call goes on from there.
        actions: what each kind of step does.

    Raises:
        XlplError: a configuration that cannot run or is not the run's, another process in the same directory, a
            source AM that is no good for the target, or a step that failed (what is done stays done).
    """
    check(config)
    _check_bounds(config, from_round, until_round)
    trainer = tuple(config.train_command) or find_trainer()
    layout = RunLayout(config.out)
    refuse_strangers(layout)
    plan = make_plan(config)
    marks = fingerprints(plan, cache(sha256))
    with locked(layout) as lock:
        _sweep(layout)
        state = RunState(layout.state)
        refuse_changes(config, layout, plan, marks, state, force)
        write_text(layout.config, frozen_yaml(config))
        write_json(layout.plan, [{"kind": type(step).__name__, **asdict(step)} for step in plan])
        if from_round is not None:
            state.redo(plan, from_round)
        resources = Resources(trainer, config.launcher, config.workers, config.device, config.max_seconds, (lock,))
        outcome = _run_steps(config, plan, marks, state, resources, actions, until_round)
        if outcome and outcome.finished:
            state.end()
            _say(_ending(layout, outcome))
            refuse_hopeless(config, outcome)


def _run_steps(
    config: IterateConfig,
    plan: Sequence[Step],
    marks: Mapping[str, str],
    state: RunState,
    resources: Resources,
    actions: Mapping[type[Step], Action],
    until_round: int | None,
) -> Outcome | None:
    """Run what is not done; return how the run stands after the last round that was measured."""
    outcome = None
    for number, step in enumerate(plan, start=1):
        if until_round is not None and step.round > until_round:
            break
        done = state.is_done(step.name, marks[step.name])
        _say(f"[{number}/{len(plan)}] {step.name}{': done before' if done else ''}")
        if not done:
            _run(step, marks[step.name], state, resources, actions)
        if isinstance(step, Measure):
            outcome = judge(config, step.round)
            _prune(config, plan, marks, state, outcome)
            if outcome.finished:
                break
    return outcome


def _run(step: Step, mark: str, state: RunState, resources: Resources, actions: Mapping[type[Step], Action]) -> None:
    if state.is_other(step.name, mark) or state[step.name] is None:
        _remove(Path(step.out))
    state.begin(step.name, mark)
    start = time.monotonic()
    actions[type(step)](step, resources)
    state.finish(step.name, mark, time.monotonic() - start)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _prune(
    config: IterateConfig, plan: Sequence[Step], marks: Mapping[str, str], state: RunState, outcome: Outcome
) -> None:
    """Delete old checkpoints; a round counts as finished when it has been measured, also in an earlier call."""
    measured = [step for step in plan if isinstance(step, Measure)]
    finished = [step.round for step in measured if state.is_done(step.name, marks[step.name])]
    freed = prune(RunLayout(config.out), finished, outcome.best, config.delete_checkpoints)
    if freed:
        _say(f"old checkpoints deleted: {freed / 1e6:.0f} MB")


def _sweep(layout: RunLayout) -> None:
    """Remove what a killed process left half written; the lock says that none lives."""
    for half_written in layout.run.rglob(f".*{PART}"):
        half_written.unlink()


def _check_bounds(config: IterateConfig, from_round: int | None, until_round: int | None) -> None:
    for option, number in (("--from-round", from_round), ("--until-round", until_round)):
        if number is not None and not 0 <= number <= config.rounds:
            raise XlplError(f"{option} {number}", expected=f"a round from 0 to {config.rounds}")
    if from_round is not None and until_round is not None and from_round > until_round:
        raise XlplError(f"--from-round {from_round} lies after --until-round {until_round}")


def _ending(layout: RunLayout, outcome: Outcome) -> str:
    why = f"stopped after round {outcome.rounds}: {outcome.stopped}" if outcome.stopped else "all rounds are done"
    return f"{why}\nbest round without looking at references: {outcome.best} ({outcome.model}; {layout.result})"


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
