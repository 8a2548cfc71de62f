"""Everything that a run directory tells, also of a run that is unfinished, stopped, or of an earlier version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xlpl_plugin.decoding import Weights
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, read_json
from xlpl_plugin.labels.filters import FilterRow
from xlpl_plugin.labels.records import LABELS_FILE
from xlpl_plugin.labels.signals import Alarm
from xlpl_plugin.labels.tuning import TUNE_FILE
from xlpl_plugin.report.contents import (
    Filtering,
    LabelExamples,
    Point,
    Report,
    RoundReport,
    StepTime,
    Training,
    TuningReport,
)
from xlpl_plugin.report.examples import find_examples
from xlpl_plugin.report.progress import read_steps
from xlpl_plugin.report.scores import read_scores
from xlpl_plugin.report.standing import stand
from xlpl_plugin.rounds.layout import RunLayout
from xlpl_plugin.rounds.training_log import read_training_log

SCORES_FILE = "score.json"
RESULT_FILE = "result.json"


def gather(run: str | Path, scores: str | Path | None = None) -> Report:
    """Read what there is of a run. Nothing is written, and a run that is under way is not disturbed.

    Args:
        scores: file of ``xlpl score --json``; without it RUN/score.json is taken, if there is one.

    Raises:
        XlplError: no run there, or a file that is broken.
    """
    layout = RunLayout(must_exist(run, "the run directory of 'xlpl iterate'"))
    numbers = sorted(int(found[1]) for folder in layout.run.iterdir() if (found := _ROUND.fullmatch(folder.name)))
    if not numbers:
        raise XlplError(
            "no run of 'xlpl iterate': it holds no round",
            file=run,
            expected="round-0/ and, later, round-1/ and so on",
            remedy="give the folder that is named by out: in the run's configuration",
        )
    scores_file = Path(scores) if scores else layout.run / SCORES_FILE
    rates = read_scores(scores_file) if scores or scores_file.exists() else ()
    steps = read_steps(layout)
    measured = {number: _measured(layout.signals(number)) for number in numbers}
    rounds = _rounds(layout, measured, steps)
    decisions = [told.decision for told in measured.values() if told.decision]
    return Report(
        run=layout.run.resolve().name,
        standing=stand(_optional(layout.run / RESULT_FILE), decisions[-1] if decisions else None, steps, rounds),
        rounds=rounds,
        trainings=_trainings(layout),
        tunings=_tunings(layout),
        steps=steps,
        scores=rates,
        scores_file=scores_file.name if rates else "",
        config=layout.config.read_text(encoding="utf-8") if layout.config.exists() else "",
        remarks=tuple(_remarks(layout, rounds, steps)),
    )


_ROUND = re.compile(r"round-(\d+)")


def _optional(file: Path) -> Any:
    return read_json(file) if file.exists() else None


@dataclass(frozen=True)
class _Measured:
    """What signals.json holds; empty without one."""

    signals: Mapping[str, float | None] = field(default_factory=dict)
    perplexity_lm: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
    decision: Mapping[str, Any] | None = None


def _measured(file: Path) -> _Measured:
    told = _optional(file)
    if told is None:
        return _Measured()
    try:
        signals: Mapping[str, Any] = told["signals"]
        return _Measured(
            signals={key: value for key, value in signals.items() if not isinstance(value, str)},
            perplexity_lm=signals.get("perplexity_lm", ""),
            weights=told["weights"],
            alarms=tuple(Alarm(**alarm) for alarm in told["alarms"]),
            decision=told.get("decision"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise XlplError(
            f"not the signals of a round ({error})", file=file, expected="what 'xlpl iterate' wrote"
        ) from error


def _rounds(layout: RunLayout, measured: Mapping[int, _Measured], steps: Sequence[StepTime]) -> tuple[RoundReport, ...]:
    split = train_split(layout)
    outdated = {step.stage for step in steps if step.status == "outdated"}
    found = []
    before: int | None = None
    for number, told in measured.items():
        labels = layout.labels(number, split)
        examples = LabelExamples()
        if (labels / LABELS_FILE).exists():
            previous = None if before is None else layout.labels(before, split) / LABELS_FILE
            examples = find_examples(labels / LABELS_FILE, previous, before)
            before = number
        found.append(
            RoundReport(
                number=number,
                signals=told.signals,
                perplexity_lm=told.perplexity_lm,
                weights=told.weights,
                alarms=told.alarms,
                filtering=_filtering(labels / "provenance.json"),
                examples=examples,
                outdated=layout.round(number).name in outdated,
            )
        )
    return tuple(found)


def train_split(layout: RunLayout) -> str:
    """Return the name of the split that students learn from, by the run's configuration.

    Raises:
        XlplError: the configuration is no YAML.
    """
    if not layout.config.exists():
        return "train"
    try:
        split = OmegaConf.select(OmegaConf.load(layout.config), "target.train_split")
    except (OmegaConfBaseException, ValueError) as error:
        raise XlplError(f"not a configuration ({error})", file=layout.config, expected="YAML") from error
    return str(split or "train")


def _filtering(provenance: Path) -> Filtering | None:
    told = _optional(provenance) or {}
    summary = told.get("summary")
    if not summary:
        return None
    try:
        return Filtering(
            utterances=summary["utterances"],
            kept=summary["kept"],
            seconds=summary["seconds"],
            kept_seconds=summary["kept_seconds"],
            rows=tuple(FilterRow(**row) for row in summary["filters"]),
            reasons=told.get("reasons", {}),
            won=told.get("won", {}),
        )
    except (KeyError, TypeError) as error:
        raise XlplError(
            f"not a summary of labels ({error})", file=provenance, expected="what 'xlpl label' wrote"
        ) from error


def _trainings(layout: RunLayout) -> tuple[Training, ...]:
    """Return the trainings of source AMs and students, in the order in which they run."""
    folders = [folder for folder in layout.run.glob("*/training") if _STAGE.fullmatch(folder.parent.name)]
    found = []
    for folder in sorted(folders, key=lambda folder: _training_order(folder.parent.name)):
        command, log = folder / "command.txt", folder / "train.log"
        found.append(
            Training(
                name=folder.parent.name,
                command=command.read_text(encoding="utf-8").strip() if command.exists() else "",
                log=read_training_log(log) if log.exists() else None,
            )
        )
    return tuple(found)


_STAGE = re.compile(r"(source|round)(?:-(\d+))?")


def _training_order(stage: str) -> tuple[bool, int]:
    kind, _, number = stage.partition("-")
    return kind == "round", int(number or 0)


def _tunings(layout: RunLayout) -> tuple[TuningReport, ...]:
    """Return the tunings of the rounds, and of the voters of round 0, where there are several source AMs."""
    files = [*layout.run.glob(f"round-*/tuning/{TUNE_FILE}"), *layout.run.glob(f"round-0/voter-*/tuning/{TUNE_FILE}")]
    names = {file: str(file.parent.parent.relative_to(layout.run)) for file in files}
    order = {file: tuple(int(number) for number in re.findall(r"\d+", names[file])) for file in files}
    return tuple(_tuning(file, names[file]) for file in sorted(files, key=order.__getitem__))


def _tuning(file: Path, name: str) -> TuningReport:
    told = read_json(file)
    try:
        return TuningReport(
            name=name,
            best=Weights(**told["best"]),
            beam=told.get("beam"),
            criterion=told["criterion"],
            trusted=told["trusted"],
            trials=tuple(
                Point(Weights(**trial["weights"]), trial["value"], trial["refused"]) for trial in told["trials"]
            ),
        )
    except (KeyError, TypeError) as error:
        raise XlplError(f"not a tuning ({error})", file=file, expected="what 'xlpl tune' wrote") from error


def _remarks(layout: RunLayout, rounds: Sequence[RoundReport], steps: Sequence[StepTime]) -> list[str]:
    remarks = []
    old = ", ".join(str(entry.number) for entry in rounds if entry.outdated)
    if old:
        remarks.append(
            f"Out of date: round {old}. Something that went into it was done again later, or is being done again. "
            "The same 'xlpl iterate' that began the run does what is out of date again."
        )
    if not steps:
        remarks.append("The run holds no plan.json: which steps are missing, and how long they took, is not known.")
    unmeasured = ", ".join(str(entry.number) for entry in rounds if not entry.signals)
    if unmeasured:
        remarks.append(f"Not measured, or not yet: round {unmeasured}. There is no signals.json.")
    return remarks
