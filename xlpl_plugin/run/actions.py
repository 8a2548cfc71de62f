"""What the driver does for each kind of step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.emissions.compute import EmitConfig, emit
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.files import read_json, write_json
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.vote import VoteConfig, vote
from xlpl_plugin.monitoring.alarms import alarms
from xlpl_plugin.monitoring.complete import complete_signals
from xlpl_plugin.monitoring.measure import label_free_score, measure_labels
from xlpl_plugin.monitoring.signal_table import signal_table
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.run.layout import CONTINUOUS, title
from xlpl_plugin.run.plan.steps import (
    Continue,
    Emit,
    Extract,
    Gather,
    Label,
    Measure,
    Sample,
    Select,
    Step,
    Train,
    Tune,
    Vote,
)
from xlpl_plugin.run.student_data import draw_sample, gather_labels
from xlpl_plugin.run.training.resume import collapse_of
from xlpl_plugin.run.training.start import candidates, last_checkpoints, run_training
from xlpl_plugin.tuning.choose_checkpoint import SELECT_FILE, SelectConfig, select
from xlpl_plugin.tuning.tune import TuneConfig, read_units_per_second, tune, tuned
from xlpl_plugin.tuning.weight_search import SearchConfig


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


Action = Callable[[Any, Resources], None]


def _gather(step: Gather, resources: Resources) -> None:
    gather_labels(step)


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


def _select(step: Select, resources: Resources) -> None:
    folder = Path(step.out).parent
    config = SelectConfig(
        checkpoints=[str(path) for path in candidates(Path(step.checkpoints), step.count)],
        data=step.data,
        split=step.split,
        out=str(folder),
        model=step.out,
        decoder=_tuned(step.decoder, step.tuning),
        search=_held_to_length(step.search, step.length_from),
        max_seconds=resources.max_seconds,
        device=resources.device,
        workers=resources.workers,
    )
    best = select(config, force=True).best
    _say(f"{step.name}: {Path(best.checkpoint).name} labels best, judged without labels ({folder / SELECT_FILE})")


def _sample(step: Sample, resources: Resources) -> None:
    draw_sample(step)


def _emit(step: Emit, resources: Resources) -> None:
    config = EmitConfig(
        am=step.am,
        data=step.data,
        split=step.split,
        out=step.out,
        max_seconds=resources.max_seconds,
        device=resources.device,
    )
    emit(config)  # not forced: what a killed run left half done is gone on with


def _tune(step: Tune, resources: Resources) -> None:
    config = TuneConfig(
        am=step.am,
        emissions=step.emissions,
        data=step.data,
        split=step.split,
        out=step.out,
        decoder=step.decoder,
        search=_held_to_length(step.search, step.length_from),
        workers=resources.workers,
    )
    tuning = tune(config, force=True)
    best = tuning.best
    _say(
        f"{step.name}: LM weight {best.lm_weight}, word score {best.word_score}, blank penalty {best.blank_penalty}"
        + ("" if tuning.trusted else " (no trial passed the guards: this is the least bad one)")
    )


def _held_to_length(search: SearchConfig, tuning: str) -> SearchConfig:
    """Ask for as many units as the acoustic model tuned in that folder expected, unless the user said how many."""
    if not tuning or search.units_per_second:
        return search
    return replace(search, units_per_second=read_units_per_second(tuning))


def _label(step: Label, resources: Resources) -> None:
    config = LabelConfig(
        am=step.am,
        emissions=step.emissions,
        data=step.data,
        split=step.split,
        out=step.out,
        decoder=_tuned(step.decoder, step.tuning),
        filter=step.filter,
        workers=resources.workers,
    )
    summary = label(config)
    _say(f"{step.name}: kept {summary.kept} of {summary.utterances} labels, {summary.words} words")


def _tuned(decoder: DecoderConfig, tuning: str) -> DecoderConfig:
    """Return the decoder as the tuning in the folder chose; as it is where there was none."""
    return tuned(decoder, tuning) if tuning else decoder


def _vote(step: Vote, resources: Resources) -> None:
    config = VoteConfig(voters=list(step.labels), data=step.data, split=step.split, out=step.out, filter=step.filter)
    summary = vote(config)
    _say(f"{step.name}: kept {summary.kept} of {summary.utterances} labels, {summary.words} words")


def _measure(step: Measure, resources: Resources) -> None:
    """Write signals.json and print the signals of all rounds so far, with alarms."""
    now = measure_labels(
        step.labels,
        emissions=step.emissions,
        decoder=step.decoder,
        search=step.search,
        config=step.signals,
        previous=step.previous or None,
        sources=step.sources,
    )
    now = replace(now, held_out=label_free_score(step.valid_labels, step.decoder, step.search))
    # weights that were kept from an earlier round say nothing of the acoustic model of this one
    own = step.tuning if Path(step.tuning).parent == Path(step.out).parent else None
    now = complete_signals(now, log=step.training_log or None, tuning=own)
    before = [read_json(file) for file in step.history]
    history = [*(Signals(**entry["signals"]) for entry in before), now]
    raised = alarms(history, followed=step.round != CONTINUOUS)
    stage = title(step.round)
    decoder = _tuned(step.decoder, step.tuning)
    weights = {key: getattr(decoder, key) for key in ("lm_weight", "word_score", "blank_penalty", "beam")}
    write_json(step.out, {"round": step.round, "weights": weights, "signals": asdict(now), "alarms": raised})
    table = signal_table(history, [*(entry["weights"] for entry in before), weights], stage)
    _say(f"what the labels of the train split tell (no references):\n{table}")
    for alarm in raised:
        _say(f"ALARM, {stage}: {alarm.name}. {alarm.message}\n  to do: {alarm.advice}")


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)


ACTIONS: Mapping[type[Step], Action] = {
    Gather: _gather,
    Train: _train,
    Continue: _train,
    Extract: _extract,
    Select: _select,
    Sample: _sample,
    Emit: _emit,
    Tune: _tune,
    Label: _label,
    Vote: _vote,
    Measure: _measure,
}
