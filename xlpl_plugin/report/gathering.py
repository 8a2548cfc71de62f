"""Gather all that a run directory holds, also of a run that is unfinished or stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.provenance import read_facts
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.report.contents import LabelExamples, Phase, Report, StageReport, StepReport
from xlpl_plugin.report.examples import find_examples
from xlpl_plugin.report.reading import read_corrections_record, read_phase, read_trainings, read_tunings
from xlpl_plugin.report.status import run_status
from xlpl_plugin.report.steps import read_steps
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import CONTINUOUS, Stage

SCORES_FILE = "score.json"


def gather(run: str | Path, scores: str | Path | None = None) -> Report:
    """Read what there is of a run. Nothing is written, and a run that is under way is not disturbed.

    Args:
        scores: file of ``xlpl score --json``; without it RUN/score.json is taken, if there is one.

    Raises:
        XlplError: no run there, or a file that is broken, or of an earlier version.
    """
    layout = RunLayout(must_exist(run, "the run directory of 'xlpl iterate'"))
    if not layout.rounds():
        raise XlplError(
            "no run of 'xlpl iterate': it holds no round",
            file=run,
            expected="round-0/ and, later, round-1/ and so on",
            remedy="give the folder that is named by out: in the run's configuration",
        )
    scores_file = Path(scores) if scores else layout.run / SCORES_FILE
    rows = ScoreTable.read(scores_file).rows if scores or scores_file.exists() else ()
    steps = read_steps(layout)
    result = Result.read_if_there(layout.result)
    phase = read_phase(layout, result)
    stages = _stages(layout, phase, steps)
    return Report(
        run=layout.run.resolve().name,
        status=run_status(result, steps, stages),
        stages=stages,
        continuous=phase,
        corrections=read_corrections_record(layout),
        trainings=read_trainings(layout),
        tunings=read_tunings(layout),
        steps=steps,
        scores=rows,
        scores_file=scores_file.name if rows else "",
        config=layout.config.read_text(encoding="utf-8") if layout.config.exists() else "",
        remarks=tuple(_remarks(stages, steps)),
    )


def _stages(layout: RunLayout, phase: Phase | None, steps: Sequence[StepReport]) -> tuple[StageReport, ...]:
    """Put together rounds and continuous phase; that changed the labels of the round that it started from."""
    split = _train_split(layout)
    undone = {step.step.stage for step in steps if step.status != "done"}
    found = []
    before: Stage | None = None
    for stage in (*layout.rounds(), *([CONTINUOUS] if phase else [])):
        labels = layout.labels(stage, split)
        since = phase.start if phase and stage == CONTINUOUS else before
        examples = LabelExamples()
        if (labels / LABELS_FILE).exists():
            examples = find_examples(labels / LABELS_FILE, _previous(layout, since, split), since)
            before = stage
        measured = Measurement.read_if_there(layout.signals(stage))
        outdated = measured is not None and stage.folder in undone
        found.append(StageReport(stage, measured, read_facts(labels), examples, outdated))
    return tuple(found)


def _previous(layout: RunLayout, stage: Stage | None, split: str) -> Path | None:
    """Return the labels of the round that another is compared with, None where there are none."""
    if stage is None:
        return None
    file = layout.labels(stage, split) / LABELS_FILE
    return file if file.exists() else None


def _train_split(layout: RunLayout) -> str:
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


def _remarks(stages: Sequence[StageReport], steps: Sequence[StepReport]) -> list[str]:
    remarks = []
    old = _enumerated([entry.stage for entry in stages if entry.outdated])
    if old:
        remarks.append(
            f"Out of date: {old}. It is to be done again, or something that went into it was. "
            "The same 'xlpl iterate' that began the run does that."
        )
    if not steps:
        remarks.append("The run holds no plan.json: which steps are missing, and how long they took, is not known.")
    unmeasured = _enumerated([entry.stage for entry in stages if entry.measured is None])
    if unmeasured:
        remarks.append(f"Not measured, or not yet: {unmeasured}. There is no signals.json.")
    return remarks


def _enumerated(stages: Sequence[Stage]) -> str:
    rounds = ", ".join(str(stage.number) for stage in stages if stage.is_round)
    phase = "the continuous phase" if CONTINUOUS in stages else ""
    return " and ".join(filter(None, (rounds and f"round {rounds}", phase)))
