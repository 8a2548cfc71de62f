"""Everything that a run directory tells, also of a run that is unfinished, stopped, or of an earlier version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.report.contents import LabelExamples, Report, RoundReport, StepTime
from xlpl_plugin.report.examples import find_examples
from xlpl_plugin.report.phase import read_continuous
from xlpl_plugin.report.progress import read_steps
from xlpl_plugin.report.reading import (
    Measured,
    read_filtering,
    read_measured,
    read_optional,
    read_trainings,
    read_tunings,
)
from xlpl_plugin.report.scores import read_scores
from xlpl_plugin.report.stages import CONTINUOUS, stage_of, title
from xlpl_plugin.report.standing import stand
from xlpl_plugin.run.layout import RunLayout

SCORES_FILE = "score.json"
_ROUND = re.compile(r"round-(\d+)")


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
    result = read_optional(layout.result)
    continuous = read_continuous(layout, result)
    columns = [*numbers, CONTINUOUS] if continuous else numbers
    measured = {number: read_measured(layout.signals(stage_of(number))) for number in columns}
    rounds = _rounds(layout, measured, steps, continuous.start if continuous else None)
    return Report(
        run=layout.run.resolve().name,
        standing=stand(result, steps, rounds, layout.result),
        rounds=rounds,
        continuous=continuous,
        trainings=read_trainings(layout),
        tunings=read_tunings(layout),
        steps=steps,
        scores=rates,
        scores_file=scores_file.name if rates else "",
        config=layout.config.read_text(encoding="utf-8") if layout.config.exists() else "",
        remarks=tuple(_remarks(layout, rounds, steps)),
    )


def _rounds(
    layout: RunLayout, measured: Mapping[int, Measured], steps: Sequence[StepTime], start: int | None
) -> tuple[RoundReport, ...]:
    """Put together rounds and continuous phase; that changed the labels of the round that it started from."""
    split = _train_split(layout)
    undone = {step.stage for step in steps if step.status != "done"}
    found = []
    before: int | None = None
    for number, told in measured.items():
        labels = layout.labels(stage_of(number), split)
        since = start if number == CONTINUOUS else before
        examples = LabelExamples()
        if (labels / LABELS_FILE).exists():
            examples = find_examples(labels / LABELS_FILE, _previous(layout, since, split), since)
            before = number
        found.append(
            RoundReport(
                number=number,
                title=title(number),
                signals=told.signals,
                perplexity_lm=told.perplexity_lm,
                weights=told.weights,
                alarms=told.alarms,
                filtering=read_filtering(labels / "provenance.json"),
                examples=examples,
                outdated=bool(told.signals) and layout.stage(stage_of(number)).name in undone,
            )
        )
    return tuple(found)


def _previous(layout: RunLayout, number: int | None, split: str) -> Path | None:
    """Return the labels of the round that another is compared with, None where there are none."""
    if number is None:
        return None
    file = layout.labels(stage_of(number), split) / LABELS_FILE
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


def _remarks(layout: RunLayout, rounds: Sequence[RoundReport], steps: Sequence[StepTime]) -> list[str]:
    remarks = []
    old = _enumerated([entry.number for entry in rounds if entry.outdated])
    if old:
        remarks.append(
            f"Out of date: {old}. It is to be done again, or something that went into it was. "
            "The same 'xlpl iterate' that began the run does that."
        )
    if not steps:
        remarks.append("The run holds no plan.json: which steps are missing, and how long they took, is not known.")
    unmeasured = _enumerated([entry.number for entry in rounds if not entry.signals])
    if unmeasured:
        remarks.append(f"Not measured, or not yet: {unmeasured}. There is no signals.json.")
    return remarks


def _enumerated(numbers: Sequence[int]) -> str:
    rounds = ", ".join(str(number) for number in numbers if number != CONTINUOUS)
    phase = "the continuous phase" if CONTINUOUS in numbers else ""
    return " and ".join(filter(None, (rounds and f"round {rounds}", phase)))
