"""The files of a run, one reader each. What is missing is empty; what is broken is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xlpl_plugin.decoding import Weights
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json
from xlpl_plugin.labelling.filters import FilterRow
from xlpl_plugin.monitoring.signals import Alarm
from xlpl_plugin.monitoring.training_log import read_training_log
from xlpl_plugin.report.contents import Filtering, Point, Training, TuningReport
from xlpl_plugin.report.stages import CONTINUOUS, stage_of
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.tuning.tune import TUNE_FILE

# folders that hold a training, in the order in which they are made
_STAGES = ("source", "round", "continuous")
_STAGE = re.compile(rf"({'|'.join(_STAGES)})(?:-(\d+))?")


def read_optional(file: Path) -> Any:
    """Return the content of a JSON file, None where there is no such file."""
    return read_json(file) if file.exists() else None


@dataclass(frozen=True)
class Measured:
    """What signals.json holds; empty without one."""

    signals: Mapping[str, float | None] = field(default_factory=dict)
    perplexity_lm: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()


def read_measured(file: Path) -> Measured:
    """Return what a signals.json holds.

    Raises:
        XlplError: it is none.
    """
    told = read_optional(file)
    if told is None:
        return Measured()
    try:
        signals: Mapping[str, Any] = told["signals"]
        return Measured(
            signals={key: value for key, value in signals.items() if not isinstance(value, str)},
            perplexity_lm=signals.get("perplexity_lm", ""),
            weights=told["weights"],
            alarms=tuple(Alarm(**alarm) for alarm in told["alarms"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise XlplError(
            f"not the signals of a round ({error})", file=file, expected="what 'xlpl iterate' wrote"
        ) from error


def read_filtering(provenance: Path) -> Filtering | None:
    """Return what the filters did, by the provenance.json beside labels; None where the labels are not finished.

    Raises:
        XlplError: its summary is none.
    """
    told = read_optional(provenance) or {}
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


def read_trainings(layout: RunLayout) -> tuple[Training, ...]:
    """Return the trainings of source AMs, students and the continuous phase, in the order in which they run."""
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


def _training_order(stage: str) -> tuple[int, int]:
    kind, _, number = stage.partition("-")
    return _STAGES.index(kind), int(number or 0)


def read_tunings(layout: RunLayout) -> tuple[TuningReport, ...]:
    """Return the tunings of the rounds, of round 0's voters if there are several source AMs, and of the phase."""
    folders = ("round-*", "round-0/voter-*", layout.stage(stage_of(CONTINUOUS)).name)
    files = [file for folder in folders for file in layout.run.glob(f"{folder}/tuning/{TUNE_FILE}")]
    names = {file: str(file.parent.parent.relative_to(layout.run)) for file in files}
    order = {file: tuple(int(number) for number in re.findall(r"\d+", names[file])) or (CONTINUOUS,) for file in files}
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
