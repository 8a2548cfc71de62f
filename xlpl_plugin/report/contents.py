"""What a report says, as plain data: ``report.json`` is these classes, and the page is drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from xlpl_plugin.decoding import Weights
from xlpl_plugin.labelling.filters import FilterRow
from xlpl_plugin.monitoring.best_round import Verdict
from xlpl_plugin.monitoring.signals import Alarm
from xlpl_plugin.monitoring.training_log import TrainingLog
from xlpl_plugin.report.stages import CONTINUOUS, title

# outdated: done, but a step that it reads was done again, or begun again, after it
Status = Literal["done", "outdated", "begun", "open"]
Outcome = Literal["finished", "stopped", "unfinished", "unknown"]


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
    """Labels of one round: by confidence, most telling first, and those that changed most since ``since``."""

    surest: tuple[Example, ...] = ()
    least_sure: tuple[Example, ...] = ()
    changed: tuple[Change, ...] = ()
    since: int | None = None


@dataclass(frozen=True)
class Filtering:
    """What the filters of one round did.

    Attributes:
        reasons: the labels left out, counted by the first word of the reason.
        won: where several acoustic models were put to the vote: whose label was taken how often.
    """

    utterances: int
    kept: int
    seconds: float
    kept_seconds: float
    rows: tuple[FilterRow, ...]
    reasons: Mapping[str, int]
    won: Mapping[str, int]


@dataclass(frozen=True)
class RoundReport:
    """One round, or the continuous phase after them; what the run has no file of is empty or None.

    Attributes:
        title: what people call it: "round 3", "continuous".
        signals: the numbers of signals.json.
        perplexity_lm: the configuration's key of the LM whose perplexity is among them.
        weights: of the decoder.
        outdated: it was measured, but some step of it is to be done again.
    """

    number: int
    title: str
    signals: Mapping[str, float | None]
    perplexity_lm: str
    weights: Mapping[str, float]
    alarms: tuple[Alarm, ...]
    filtering: Filtering | None
    examples: LabelExamples
    outdated: bool


@dataclass(frozen=True)
class Training:
    """One training: its folder in the run, the command that ran it, and its curves, where there are any."""

    name: str
    command: str
    log: TrainingLog | None


@dataclass(frozen=True)
class Point:
    """A trial of tuning: the lower the value of the criterion the better; ``refused`` says which guard objects."""

    weights: Weights
    value: float
    refused: str


@dataclass(frozen=True)
class TuningReport:
    """How one round's decoder weights were chosen, without a label; ``trusted`` is false where guards refused all."""

    name: str
    best: Weights
    beam: int | None
    criterion: str
    trusted: bool
    trials: tuple[Point, ...]


@dataclass(frozen=True)
class StepTime:
    """One step of the plan; ``seconds`` are of the call that finished it."""

    name: str
    stage: str
    kind: str
    status: Status
    seconds: float
    finished: str


@dataclass(frozen=True)
class ErrorRate:
    """A row of ``xlpl score``: fractions with their 95 % intervals (low, high).

    ``round`` is None for other systems than rounds and the continuous phase.
    """

    system: str
    round: int | None
    greedy: bool
    script: str
    wer: float
    wer_interval: tuple[float, float]
    cer: float
    cer_interval: tuple[float, float]


@dataclass(frozen=True)
class Collapse:
    """Why a training on its own labels ended early; of a run that keeps only the reason, the updates are None."""

    reason: str
    update: int | None
    rolled_back_to: int | None


@dataclass(frozen=True)
class Continuous:
    """What the continuous phase came to; its signals, labels and curves stand beside those of the rounds.

    Attributes:
        start: number of the round that it started from; None where that is not known.
        taken: whether its model is the one to use; None before that was judged.
        score: the label-free score of its labels on held-out audio, and of the start's; None where not measured.
    """

    start: int | None
    taken: bool | None
    score: float | None
    start_score: float | None
    collapse: Collapse | None


@dataclass(frozen=True)
class Standing:
    """How the run stands.

    Attributes:
        best: number of the round, or continuous phase, to use, chosen without references; None where nothing was
            measured.
        model: its weights, inside the run; empty where unknown.
        reason: why the run ended before its last round; empty if it did not.
        note: who chose, and among what, where that is not the finished run.
        rounds_measured: number of the last round that the choice knows.
        zero_shot: whether round 0 says that the source AM is any good; None where nothing is known.
    """

    outcome: Outcome
    best: int | None
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
    """All that is known of a run."""

    run: str
    standing: Standing
    # the continuous phase, where there is one, is the last of them
    rounds: tuple[RoundReport, ...]
    continuous: Continuous | None
    trainings: tuple[Training, ...]
    tunings: tuple[TuningReport, ...]
    steps: tuple[StepTime, ...]
    scores: tuple[ErrorRate, ...]
    scores_file: str
    config: str
    # what a reader should know about the run's files themselves
    remarks: tuple[str, ...]

    @property
    def continuous_log(self) -> TrainingLog | None:
        """The log of the continuous phase's training."""
        return next((training.log for training in self.trainings if training.name == title(CONTINUOUS)), None)
