"""What a run holds of trainings, tunings and the continuous phase, as far as it is there."""

from __future__ import annotations

import re

from xlpl_plugin.continuous.collapse import COLLAPSE_FILE, Collapse
from xlpl_plugin.monitoring.training_log import read_training_log
from xlpl_plugin.report.contents import Phase, Training
from xlpl_plugin.run.corrected_data import CORRECTIONS_FILE, CorrectionsRecord
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import CONTINUOUS, SOURCE, Stage
from xlpl_plugin.tuning.tune import TUNE_FILE, Tuning

# folders that hold a training: stages, source-2 and on (the voters' source acoustic models), students of one round
_TRAINED = re.compile(rf"{SOURCE.folder}(-\d+)?|round-\d+(/voter-\d+)?|{CONTINUOUS.folder}")


def read_trainings(layout: RunLayout) -> tuple[Training, ...]:
    """Return the trainings of source AMs, students and the continuous phase, in the order in which they run."""
    homes = (file.parent for pattern in ("*/training", "*/voter-*/training") for file in layout.run.glob(pattern))
    names = {str(home.relative_to(layout.run)): home / "training" for home in homes}
    found = []
    for name in sorted(filter(_TRAINED.fullmatch, names), key=_place):
        folder = names[name]
        command, log = folder / "command.txt", folder / "train.log"
        found.append(
            Training(
                name=name,
                command=command.read_text(encoding="utf-8").strip() if command.exists() else "",
                log=read_training_log(log) if log.exists() else None,
            )
        )
    return tuple(found)


def read_tunings(layout: RunLayout) -> dict[str, Tuning]:
    """Return the tunings of the rounds, of those that vote in one, and of the phase."""
    folders = ("round-*", "round-*/voter-*", CONTINUOUS.folder)
    files = [file for folder in folders for file in layout.run.glob(f"{folder}/tuning/{TUNE_FILE}")]
    names = {str(file.parent.parent.relative_to(layout.run)): file for file in files}
    return {name: Tuning.read(names[name]) for name in sorted(names, key=_place)}


def _place(folder: str) -> tuple[Stage, int]:
    """Return where a folder of a run stands in its order, by its stage and by the number of a voter or its source."""
    name, _, voter = folder.partition("/")
    if name.startswith(f"{SOURCE.folder}-"):
        name, voter = SOURCE.folder, name
    number = re.search(r"\d+$", voter)
    return Stage.parse(name), int(number[0]) if number else 0


def read_corrections_record(layout: RunLayout) -> CorrectionsRecord | None:
    """Return what the newest student that learned from a person's transcripts learned from; None where none did."""
    files = (layout.data(stage) / CORRECTIONS_FILE for stage in (CONTINUOUS, *reversed(layout.rounds())))
    return next(filter(None, map(CorrectionsRecord.read_if_there, files)), None)


def read_phase(layout: RunLayout, result: Result | None) -> Phase | None:
    """Return what is known of the continuous phase; None for a run without one, or where it has not begun.

    Raises:
        XlplError: a record of a collapse that is none.
    """
    if not layout.stage(CONTINUOUS).exists():
        return None
    judged = result.continuous if result else None
    # it starts from the best round, which is known before the phase has been judged
    start = judged.start if judged else result.best if result else None
    return Phase(
        start=None if start is None else Stage.round(start),
        result=judged,
        collapse=Collapse.read_if_there(layout.training(CONTINUOUS) / "checkpoints" / COLLAPSE_FILE),
    )
