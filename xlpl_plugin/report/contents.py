"""What a report says, as plain data: ``report.json`` is these classes, and the page is drawn from them.

What a file of the run holds is here as the class that wrote it; None stands for a file that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from xlpl_plugin.continuous.collapse import Collapse
from xlpl_plugin.evaluation.scoring import Score
from xlpl_plugin.labelling.provenance import LabelFacts, LabelSummary
from xlpl_plugin.monitoring.best_round import Verdict
from xlpl_plugin.monitoring.signals import Alarm, Measurement
from xlpl_plugin.monitoring.training_log import TrainingLog
from xlpl_plugin.run.corrected_data import CorrectionsRecord
from xlpl_plugin.run.plan.plan_file import PlannedStep
from xlpl_plugin.run.result import PhaseResult
from xlpl_plugin.run.state import Progress
from xlpl_plugin.stage import CONTINUOUS, Stage
from xlpl_plugin.tuning.tune import Tuning

# outdated: done, but a step that it reads was done again, or begun again, after it
StepStatus = Literal["done", "outdated", "begun", "open"]
Ending = Literal["finished", "stopped", "unfinished", "unknown"]


@dataclass(frozen=True)
class Change:
    """A label that became another one: ``edits`` words were replaced, left out or put in."""

    id: str
    before: str
    after: str
    edits: int


@dataclass(frozen=True)
class Example:
    """A label to look at."""

    id: str
    text: str
    greedy: str
    confidence: float
    agreement: float
    seconds: float
    kept: bool
    reason: str


@dataclass(frozen=True)
class LabelExamples:
    """Labels of one stage: by confidence, most telling first, and those that changed most since ``since``."""

    surest: tuple[Example, ...] = ()
    least_sure: tuple[Example, ...] = ()
    changed: tuple[Change, ...] = ()
    since: Stage | None = None


@dataclass(frozen=True)
class StageReport:
    """One round, or the continuous phase after them.

    Attributes:
        labels: of the split that students learn from.
        outdated: it was measured, but some step of it is to be done again.
    """

    stage: Stage
    measured: Measurement | None
    labels: LabelFacts | None
    examples: LabelExamples
    outdated: bool

    @property
    def summary(self) -> LabelSummary | None:
        """What the filters did; None where the labels are not finished."""
        return self.labels.summary if self.labels else None

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        return self.measured.alarms if self.measured else ()

    def signal(self, key: str) -> float | None:
        """Return a signal, or a weight of the decoder, by the name of its field."""
        if self.measured is None:
            return None
        known: dict[str, float | None] = {**vars(self.measured.signals), **vars(self.measured.weights)}
        return known[key]


@dataclass(frozen=True)
class Training:
    """One training: its folder in the run, the command that ran it, and its curves, where there are any."""

    name: str
    command: str
    log: TrainingLog | None


@dataclass(frozen=True)
class StepReport:
    """One step of the plan; its seconds are of the call that finished it."""

    step: PlannedStep
    progress: Progress
    status: StepStatus


@dataclass(frozen=True)
class Phase:
    """What the continuous phase came to; its signals, labels and curves stand beside those of the rounds.

    Attributes:
        start: the round that it started from; None where that is not known.
        result: None before it was judged.
        collapse: its record, which goes with the checkpoints; the reason stands in the result as well.
    """

    start: Stage | None
    result: PhaseResult | None = None
    collapse: Collapse | None = None

    @property
    def reason(self) -> str:
        """Why its training ended early; empty where it did not."""
        return self.collapse.reason if self.collapse else self.result.collapse if self.result else ""


@dataclass(frozen=True)
class RunStatus:
    """How far the run is, and which stage is its best.

    Attributes:
        best: the stage to use, chosen without references; None where nothing was measured.
        model: its weights, inside the run; empty where unknown.
        reason: why the run ended before its last round; empty if it did not.
        note: who chose, and among what, where that is not the finished run.
        rounds_measured: number of the last round that the choice knows.
        zero_shot: whether round 0 says that the source AM is any good; None where nothing is known.
    """

    ending: Ending
    best: Stage | None
    model: str
    reason: str
    note: str
    rounds_measured: int | None
    rounds_planned: int | None
    steps_done: int
    steps_planned: int
    next_step: str
    zero_shot: Verdict | None


@dataclass(frozen=True)
class Report:
    """All that is known of a run.

    Attributes:
        stages: the rounds, and the continuous phase after them, where there is one.
        tunings: by the folders in which they were made.
        corrections: what the newest student that did so learned from a person; None for an unsupervised run.
        remarks: what a reader should know about the run's files themselves.
    """

    run: str
    status: RunStatus
    stages: tuple[StageReport, ...]
    continuous: Phase | None
    corrections: CorrectionsRecord | None
    trainings: tuple[Training, ...]
    tunings: Mapping[str, Tuning]
    steps: tuple[StepReport, ...]
    scores: tuple[Score, ...]
    scores_file: str
    config: str
    remarks: tuple[str, ...]

    @property
    def continuous_log(self) -> TrainingLog | None:
        """The log of the continuous phase's training."""
        return next((training.log for training in self.trainings if training.name == CONTINUOUS.folder), None)
