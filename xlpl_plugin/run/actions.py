"""What is done for each kind of step, by the driver or by a job that it sends; each returns what there is to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from xlpl_plugin.emissions.compute import EmitConfig, emit
from xlpl_plugin.executors.labelling_config import LabellingConfig
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.labelling.cross_labels import join_cross_labels
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.provenance import LabelSummary
from xlpl_plugin.labelling.vote import vote
from xlpl_plugin.monitoring.alarms import alarms
from xlpl_plugin.monitoring.measure import measure
from xlpl_plugin.monitoring.rounds_table import rounds_table
from xlpl_plugin.monitoring.signals import DecoderWeights, Measurement
from xlpl_plugin.run.correction_words import told_of_record
from xlpl_plugin.run.plan.steps import (
    Collect,
    CollectCorrected,
    Continue,
    CrossLabels,
    Divide,
    DrawSample,
    Emit,
    Extract,
    Label,
    Measure,
    Select,
    Step,
    Train,
    Tune,
    Vote,
)
from xlpl_plugin.run.student_data import collect_corrected, collect_labels, divide_folds, draw_sample
from xlpl_plugin.run.training.checkpoints import candidates, last_checkpoints
from xlpl_plugin.run.training.resume import collapse_of
from xlpl_plugin.run.training.start import run_training
from xlpl_plugin.stage import CONTINUOUS
from xlpl_plugin.tuning.choose_checkpoint import SELECT_FILE, SelectConfig, select
from xlpl_plugin.tuning.tune import TuneConfig, read_tuning, tune

Config = TypeVar("Config", EmitConfig, TuneConfig, LabelConfig, SelectConfig)


@dataclass(frozen=True)
class Resources:
    """What a run may use of this machine; none of it changes a result."""

    trainer: tuple[str, ...]
    launcher: LauncherConfig
    workers: int
    device: str
    max_seconds: float
    # file descriptors that a trainer keeps open: the lock of the run
    keep_open: tuple[int, ...] = ()
    labelling: LabellingConfig = field(default_factory=LabellingConfig)
    # where jobs that are no trainings have their records and logs
    jobs: Path = Path("jobs")

    def give(self, config: Config) -> Config:
        """Return a step's configuration with what it may use of this machine."""
        known = {item.name for item in fields(config)}
        shared: dict[str, Any] = {"workers": self.workers, "device": self.device, "max_seconds": self.max_seconds}
        return replace(config, **{key: value for key, value in shared.items() if key in known})


Action = Callable[[Any, Resources], str | None]


def _collect(step: Collect, resources: Resources) -> str | None:
    sure = collect_labels(step)
    return f"{step.name}: {sure.told()}" if sure else None


def _collect_corrected(step: CollectCorrected, resources: Resources) -> str:
    return f"{step.name}: {told_of_record(collect_corrected(step))}"


def _train(step: Train, resources: Resources) -> None:
    run_training(step, resources.trainer, resources.launcher, workers=resources.workers, keep_open=resources.keep_open)


def _extract(step: Extract, resources: Resources) -> None:
    from xlpl_plugin.models.checkpoint import average_checkpoints, extract_model  # torch, which most steps do without

    folder = Path(step.checkpoints)
    collapsed = bool(collapse_of(folder))  # the last checkpoint alone is sure to be there and good
    if step.how == "average" and not collapsed:
        average_checkpoints(last_checkpoints(folder, step.count), step.out, force=True)
    else:
        name = "best" if step.how == "best" and not collapsed else "last"
        extract_model(folder / f"checkpoint_{name}.pt", step.out, ema=step.how == "ema", force=True)


def _select(step: Select, resources: Resources) -> str:
    checkpoints = [str(path) for path in candidates(Path(step.checkpoints), step.count)]
    config = replace(resources.give(step.config), checkpoints=checkpoints)
    best = select(config, force=True).best
    file = Path(config.out) / SELECT_FILE
    return f"{step.name}: {Path(best.checkpoint).name} labels best, judged without labels ({file})"


def _sample(step: DrawSample, resources: Resources) -> None:
    draw_sample(step)


def _divide(step: Divide, resources: Resources) -> str:
    sizes = (f"{fold.labelled} recordings, taught by {fold.taught} labels of others" for fold in divide_folds(step))
    return f"{step.name}: {'; '.join(f'student {number} labels {size}' for number, size in enumerate(sizes, start=1))}"


def _emit(step: Emit, resources: Resources) -> None:
    emit(resources.give(step.config))  # not forced: what a killed run left half done is gone on with


def _tune(step: Tune, resources: Resources) -> str:
    tuning = tune(resources.give(step.config), force=True)
    best = tuning.best
    least_bad = "" if tuning.trusted else " (no trial passed the guards: this is the least bad one)"
    weights = f"LM weight {best.lm_weight}, word score {best.word_score}, blank penalty {best.blank_penalty}"
    return f"{step.name}: {weights}{least_bad}"


def _label(step: Label, resources: Resources) -> str:
    return _summary(step, label(resources.give(step.config)))


def _vote(step: Vote, resources: Resources) -> str:
    return _summary(step, vote(step.config))


def _cross(step: CrossLabels, resources: Resources) -> str:
    return _summary(step, join_cross_labels(step.config))


def _summary(step: Step, summary: LabelSummary) -> str:
    return f"{step.name}: kept {summary.kept} of {summary.utterances} labels, {summary.words} words"


def _measure(step: Measure, resources: Resources) -> str:
    """Write signals.json; what there is to tell are the signals of all rounds so far, with alarms."""
    before = [Measurement.read(file) for file in step.history]
    signals, decoder = measure(step.config), step.config.decoder
    raised = alarms([*(earlier.signals for earlier in before), signals], followed=step.stage != CONTINUOUS)
    weights = DecoderWeights.of(read_tuning(step.weights_from).apply(decoder) if step.weights_from else decoder)
    now = Measurement(step.stage.folder, weights, signals, tuple(raised))
    now.write(step.out)
    table = f"what the labels of the train split tell (no references):\n{rounds_table([*before, now])}"
    told = [f"ALARM, {step.stage}: {alarm.name}. {alarm.message}\n  to do: {alarm.advice}" for alarm in raised]
    return "\n".join([table, *told])


ACTIONS: Mapping[type[Step], Action] = {
    Collect: _collect,
    CollectCorrected: _collect_corrected,
    Train: _train,
    Continue: _train,
    Extract: _extract,
    Select: _select,
    DrawSample: _sample,
    Divide: _divide,
    Emit: _emit,
    Tune: _tune,
    Label: _label,
    Vote: _vote,
    CrossLabels: _cross,
    Measure: _measure,
}
