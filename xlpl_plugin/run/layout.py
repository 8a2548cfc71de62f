"""Where things stand in a run directory. The names are public: people and ``xlpl score`` look there.

    RUN/config.yaml              the frozen configuration
        plan.json, state.json    the steps, and which of them are done
        result.json              the best round so far, its model, and why the run ended, if it has
        source/                  training/ and model.pt of the source acoustic model, where the run trains it;
                                 source-2/ and on are the voters'
        round-K/data/            what the student of round K learns from: the labels of round K-1
        round-K/training/        its checkpoints/, command.txt, train.log and hydra's record
        round-K/model.pt         its weights alone, which all later steps read
        round-K/emissions/SPLIT, round-K/tuning, round-K/labels/SPLIT, round-K/signals.json
        round-K/sample/          the recordings that round K labels, where that is only a share
        round-0/voter-N/         what each voter heard, where several source models vote
        round-K/voter-N/         the same where several students label (student.team, student.folds); of the second and
                                 later ones training/, model.pt, emissions/ and tuning/ too: the first one's are the
                                 round's
        round-K/folds/N/         of a round with folds: audio/, which student N labels, and data/, which it learns from
        jobs/                    records and logs of jobs that are under way or have failed (labelling.executor)
        continuous/              the continuous phase after the rounds, in the form of a round's folder

Round 0 has no training: it is the source acoustic model's labelling.
"""

from __future__ import annotations

import re
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.stage import CONTINUOUS, SOURCE, Stage

_ROUND = re.compile(r"round-\d+")


class RunLayout:
    """Paths below one run directory; nothing is created."""

    def __init__(self, run: str | Path) -> None:
        self.run = Path(run)
        self.config = self.run / "config.yaml"
        self.plan = self.run / "plan.json"
        self.state = self.run / "state.json"
        self.lock = self.run / "run.lock"
        self.holder = self.run / "run.holder"
        self.jobs = self.run / "jobs"
        self.result = self.run / "result.json"

    def source(self, number: int) -> Path:
        """Return the folder of a source acoustic model; the first is the one that students start from."""
        return self.run / (SOURCE.folder if number == 1 else f"{SOURCE.folder}-{number}")

    def stage(self, stage: Stage) -> Path:
        return self.run / stage.folder

    def voter(self, stage: Stage, number: int) -> Path:
        """Return the folder of one of several acoustic models that label in a stage, from 1."""
        return self.stage(stage) / f"voter-{number}"

    def folds(self, stage: Stage) -> Path:
        return self.stage(stage) / "folds"

    def data(self, stage: Stage) -> Path:
        return self.stage(stage) / "data"

    def training(self, stage: Stage) -> Path:
        return self.stage(stage) / "training"

    def model(self, stage: Stage) -> Path:
        return self.stage(stage) / "model.pt"

    def sample(self, stage: Stage) -> Path:
        return self.stage(stage) / "sample"

    def emissions(self, stage: Stage, split: str) -> Path:
        return self.stage(stage) / "emissions" / split

    def tuning(self, stage: Stage) -> Path:
        return self.stage(stage) / "tuning"

    def labels(self, stage: Stage, split: str) -> Path:
        return self.stage(stage) / "labels" / split

    def signals(self, stage: Stage) -> Path:
        return self.stage(stage) / "signals.json"

    def rounds(self) -> list[Stage]:
        """Return the rounds that have a folder, in their order."""
        return sorted(Stage.parse(folder.name) for folder in self.run.iterdir() if _ROUND.fullmatch(folder.name))


def labelled_stages(run: str | Path, split: str) -> dict[Stage, Path]:
    """Return the folders of labels of ``split``, for the rounds, and the phase after them, that have any.

    Raises:
        XlplError: no stage has.
    """
    layout = RunLayout(must_exist(run, "the run directory of 'xlpl iterate'"))
    folders = {stage: layout.labels(stage, split) for stage in (*layout.rounds(), CONTINUOUS)}
    found = {stage: folder for stage, folder in folders.items() if (folder / LABELS_FILE).exists()}
    if not found:
        raise XlplError(
            f"no round holds labels of the split {split!r}",
            file=run,
            expected=f"round-0/labels/{split}/{LABELS_FILE}",
            remedy=f"list {split!r} in the eval_splits of the run's configuration, or give another --split",
        )
    return found
