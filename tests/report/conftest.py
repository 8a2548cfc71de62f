"""A real run, and copies of it in which the product's own classes wrote what is to be seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.label_records import record, write_labels

from xlpl_plugin.labelling.records import LabelRecord
from xlpl_plugin.monitoring.signals import Alarm, Measurement
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.plan_file import PlanFile, PlannedStep
from xlpl_plugin.run.result import PhaseResult, Result
from xlpl_plugin.run.state import RunState, StateFile
from xlpl_plugin.stage import CONTINUOUS, Stage

FIRST, LAST = Stage.round(0), Stage.round(1)
# the labels of each round: id -> words, units of the greedy output, confidence
ROUNDS = {
    FIRST: {
        "a": ("habari ya asubuhi", "h a b a r i | a s u |", 0.30),
        "b": ("доброе утро", "d o b r o |", 0.20),
        "c": ("", "", 0.0),
        "d": ("moja", "m o j a |", 0.90),
    },
    LAST: {
        "a": ("habari za asubuhi njema", "h a b a r i | z a | a s u b u h i |", 0.50),
        "b": ("доброе утро", "d o b r o e | u t r o |", 0.60),
        "c": ("mbili", "m b i l i |", 0.40),
        "d": ("moja", "m o j a |", 0.95),
    },
}


@dataclass
class Copy:
    """A run, and what a test changes in it; every change goes through the class that owns the file."""

    run: Path

    @property
    def layout(self) -> RunLayout:
        return RunLayout(self.run)

    @property
    def result(self) -> Result:
        return Result.read(self.layout.result)

    @property
    def plan(self) -> PlanFile:
        return PlanFile.read(self.layout.plan)

    @property
    def state(self) -> RunState:
        return RunState(self.layout.state)

    def change_result(self, **changes: Any) -> None:
        replace(self.result, **changes).write(self.layout.result)

    def change_phase(self, **changes: Any) -> None:
        phase = self.result.continuous
        assert phase
        self.change_result(continuous=replace(phase, **changes))

    def change_signals(self, stage: Stage, alarms: Sequence[Alarm] = (), **changes: Any) -> None:
        file = self.layout.signals(stage)
        measured = Measurement.read(file)
        replace(measured, signals=replace(measured.signals, **changes), alarms=tuple(alarms)).write(file)

    def plan_more(self, *names: str) -> None:
        """Add steps of later rounds to the plan."""
        more = [PlannedStep(name, "Any", name.partition("/")[0], (), {}) for name in names]
        PlanFile((*self.plan.steps, *more)).write(self.layout.plan)

    def forget(self, *names: str) -> None:
        """Let steps be as if they had never begun."""
        stored = StateFile.read(self.layout.state)
        steps = {name: step for name, step in stored.steps.items() if name not in names}
        replace(stored, steps=steps).write(self.layout.state)

    def names(self, stage: Stage) -> list[str]:
        return [step.name for step in self.plan.steps if step.stage == stage.folder]

    def label(self, stage: Stage, labels: Sequence[LabelRecord]) -> None:
        write_labels(self.layout.labels(stage, "train"), labels)

    def label_rounds(self) -> None:
        """Give the rounds the labels of ``ROUNDS``."""
        for stage, labels in ROUNDS.items():
            self.label(stage, [record(key, *told) for key, told in labels.items()])

    def without_phase(self) -> None:
        """Take the continuous phase away, as in a run without one."""
        shutil.rmtree(self.layout.stage(CONTINUOUS))
        steps = [step for step in self.plan.steps if step.stage != CONTINUOUS.folder]
        self.forget(*self.names(CONTINUOUS))
        PlanFile(tuple(steps)).write(self.layout.plan)
        self.change_result(continuous=None)

    def take_phase(self) -> PhaseResult:
        """Let the phase be the better one, whatever came of it."""
        self.change_phase(taken=True, score=0.4, start_score=0.5)
        self.change_result(model="continuous/model.pt")
        phase = self.result.continuous
        assert phase
        return phase


@pytest.fixture(scope="session")
def copy(tiny_run: Path) -> Callable[[Path], Copy]:
    """Make a copy of it, which lacks nothing but what a report does not read."""

    def make(folder: Path) -> Copy:
        shutil.copytree(tiny_run, folder, ignore=shutil.ignore_patterns("*.pt", "emissions", "score.json"))
        return Copy(folder)

    return make
