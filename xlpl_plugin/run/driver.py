"""Runs the steps of a plan, each once; the same call goes on where an earlier one stopped."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import PART, sha256, write_text
from xlpl_plugin.run.actions import ACTIONS, Action, Resources
from xlpl_plugin.run.checks import check
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.frozen_config import frozen_yaml, refuse_changes, refuse_strangers
from xlpl_plugin.run.jobs.send import forget, perform
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.lock import locked
from xlpl_plugin.run.plan.parts import Start
from xlpl_plugin.run.plan.plan_file import PlanFile
from xlpl_plugin.run.plan.planner import make_plan
from xlpl_plugin.run.plan.steps import Measure, Step, fingerprints
from xlpl_plugin.run.result import (
    Result,
    ending,
    goes_on,
    judge,
    judge_phase,
    known_outcome,
    refuse_hopeless,
    rounds_over,
)
from xlpl_plugin.run.state import RunState
from xlpl_plugin.run.training.command import find_trainer
from xlpl_plugin.run.training.prune import prune
from xlpl_plugin.stage import CONTINUOUS, Stage


def iterate(
    config: IterateConfig,
    *,
    force: bool = False,
    from_stage: Stage | None = None,
    until_stage: Stage | None = None,
    actions: Mapping[type[Step], Action] = ACTIONS,
) -> None:
    """Run or resume ``config`` in its run directory.

    Args:
        force: accept a configuration or inputs other than those the directory was begun with; what they touch is
            done again, the rest is kept.
        from_stage: do this stage and all later ones again, even if they were done. The source AM is kept.
        until_stage: end after this stage; a later call goes on from there.
        actions: what each kind of step does.

    Raises:
        XlplError: a configuration that cannot run or is not the run's, another process in the same directory, a
            source AM that is no good for the target, or a step that failed (what is done stays done).
    """
    check(config)
    _check_bounds(config, from_stage, until_stage)
    trainer = tuple(config.train_command) or find_trainer()
    layout = RunLayout(config.out)
    refuse_strangers(layout)
    plan, digest = make_plan(config), cache(sha256)
    fingerprints(plan, digest)  # a file that is missing is an error before anything is written
    with locked(layout) as lock:
        _sweep(layout)
        resources = _resources(config, trainer, layout, lock)
        state = RunState(layout.state)
        run = _Run(config, layout, state, resources, actions, force, digest)
        run.set_plan(plan)
        run.settle(known_outcome(config, plan, run.marks, state))
        if from_stage is not None:
            state.redo(run.plan, from_stage)
        outcome = run.rounds(until_stage)
        if outcome and goes_on(config, outcome) and until_stage in (None, CONTINUOUS):
            outcome = run.phase(outcome)
        if outcome and outcome.finished:
            state.end()
            _say(ending(config, outcome))
            refuse_hopeless(config, outcome)


@dataclass
class _Run:
    """The plan of a run while it is carried out; the continuous phase joins it once the rounds tell its start."""

    config: IterateConfig
    layout: RunLayout
    state: RunState
    resources: Resources
    actions: Mapping[type[Step], Action]
    force: bool
    digest: Callable[[str], str]
    plan: Sequence[Step] = ()
    marks: Mapping[str, str] = field(default_factory=dict)

    def set_plan(self, plan: Sequence[Step]) -> None:
        self.plan, self.marks = plan, fingerprints(plan, self.digest)

    def settle(self, outcome: Result | None) -> None:
        """Write down what will be done, with the continuous phase where the outcome of the rounds is known.

        Raises:
            XlplError: the run was begun with something else, and that is not forced.
        """
        if outcome and goes_on(self.config, outcome):
            self.set_plan(make_plan(self.config, Start(outcome.best, outcome.weights)))
        refuse_changes(self.config, self.layout, self.plan, self.marks, self.state, self.force)
        write_text(self.layout.config, frozen_yaml(self.config))
        PlanFile.of(self.plan).write(self.layout.plan)

    def rounds(self, until_stage: Stage | None) -> Result | None:
        """Run what is not done of the rounds; return how the run stands after the last one that was measured."""
        outcome = None
        for step in self.plan:
            if step.stage == CONTINUOUS or (until_stage is not None and step.stage > until_stage):
                break
            self._run(step)
            if isinstance(step, Measure):
                outcome = judge(self.config, step.stage.number)
                self._prune(outcome, step.stage)
                if rounds_over(self.config, outcome):
                    break
        return outcome

    def phase(self, outcome: Result) -> Result:
        """Run what is not done of the continuous phase, which starts from the best round; return how it ended."""
        self.settle(outcome)
        for step in self.plan:
            if step.stage == CONTINUOUS:
                self._run(step)
        outcome = judge_phase(self.config, outcome)
        self._prune(outcome, CONTINUOUS)
        return outcome

    def _run(self, step: Step) -> None:
        mark = self.marks[step.name]
        done = self.state.is_done(step.name, mark)
        _say(f"[{self.plan.index(step) + 1}/{len(self.plan)}] {step.name}{': done before' if done else ''}")
        if done:
            return
        if self.state.is_other(step.name, mark) or self.state[step.name] is None:
            forget(step, self.resources)
            _remove(Path(step.out))
        self.state.begin(step.name, mark)
        start = time.monotonic()
        if told := perform(step, self.resources, self.actions[type(step)]):
            _say(told)
        self.state.finish(step.name, mark, time.monotonic() - start)

    def _prune(self, outcome: Result, stage: Stage) -> None:
        """Delete old checkpoints; a round counts as finished when it has been measured, also in an earlier call.

        Those after ``stage`` wait: ``outcome`` does not know whether one of them is the best.
        """
        measured = [step for step in self.plan if isinstance(step, Measure) and step.stage <= stage]
        finished = [step.stage for step in measured if self.state.is_done(step.name, self.marks[step.name])]
        freed = prune(self.layout, finished, Stage.round(outcome.best), self.config.delete_checkpoints)
        if freed:
            _say(f"old checkpoints deleted: {freed / 1e6:.0f} MB")


def _resources(config: IterateConfig, trainer: tuple[str, ...], layout: RunLayout, lock: int) -> Resources:
    shared = (trainer, config.launcher, config.workers, config.device, config.max_seconds)
    return Resources(*shared, (lock,), config.labelling, layout.jobs)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sweep(layout: RunLayout) -> None:
    """Remove what a killed process left half written; the lock says that none lives, but for jobs in a queue."""
    if layout.jobs.is_dir() and any(layout.jobs.iterdir()):
        return
    for half_written in layout.run.rglob(f".*{PART}"):
        half_written.unlink()


def _check_bounds(config: IterateConfig, from_stage: Stage | None, until_stage: Stage | None) -> None:
    stages = [Stage.round(number) for number in range(config.rounds + 1)]
    stages += [CONTINUOUS] if config.continuous.enabled else []
    for option, stage in (("--from-round", from_stage), ("--until-round", until_stage)):
        if stage is not None and stage not in stages:
            also = ", or continuous" if config.continuous.enabled else " (continuous, where continuous.enabled=true)"
            raise XlplError(f"{option} {_typed(stage)}", expected=f"a round from 0 to {config.rounds}{also}")
    if from_stage is not None and until_stage is not None and from_stage > until_stage:
        raise XlplError(f"--from-round {_typed(from_stage)} lies after --until-round {_typed(until_stage)}")


def _typed(stage: Stage) -> str:
    return str(stage).removeprefix("round ")


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
