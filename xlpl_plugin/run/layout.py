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
        round-0/voter-K/         what each voter heard, where several source models vote
        continuous/              the continuous phase after the rounds, in the form of a round's folder

Round 0 has no training: it is the source acoustic model's labelling.
"""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist

# the "round" of the continuous phase, after all rounds
CONTINUOUS = 1_000_000


class RunLayout:
    """Paths below one run directory; nothing is created."""

    def __init__(self, run: str | Path) -> None:
        self.run = Path(run)
        self.config = self.run / "config.yaml"
        self.plan = self.run / "plan.json"
        self.state = self.run / "state.json"
        self.lock = self.run / "run.lock"
        self.result = self.run / "result.json"
        self.source = self.run / "source"

    def source_of(self, number: int) -> Path:
        """Return the folder of a source acoustic model; the first is the one that students start from."""
        return self.source if number == 1 else self.source.with_name(f"{self.source.name}-{number}")

    def round(self, number: int) -> Path:
        """Return the folder of a round, or of the phase after them."""
        return self.run / ("continuous" if number == CONTINUOUS else f"round-{number}")

    def data(self, number: int) -> Path:
        return self.round(number) / "data"

    def training(self, number: int) -> Path:
        return self.round(number) / "training"

    def model(self, number: int) -> Path:
        return self.round(number) / "model.pt"

    def sample(self, number: int) -> Path:
        return self.round(number) / "sample"

    def emissions(self, number: int, split: str) -> Path:
        return self.round(number) / "emissions" / split

    def tuning(self, number: int) -> Path:
        return self.round(number) / "tuning"

    def labels(self, number: int, split: str) -> Path:
        return self.round(number) / "labels" / split

    def signals(self, number: int) -> Path:
        return self.round(number) / "signals.json"


def title(number: int) -> str:
    """Return what people call a round, or the phase after them.

    >>> title(3), title(CONTINUOUS)
    ('round 3', 'continuous')
    """
    return "continuous" if number == CONTINUOUS else f"round {number}"


def labelled_rounds(run: str | Path, split: str) -> dict[int, Path]:
    """Return round -> the folder of its labels of ``split``, for the rounds, and the phase after them, that have any.

    Raises:
        XlplError: no round has.
    """
    layout = RunLayout(must_exist(run, "the run directory of 'xlpl iterate'"))
    numbers = sorted(int(folder.name.removeprefix("round-")) for folder in layout.run.glob("round-[0-9]*"))
    found = {
        number: layout.labels(number, split)
        for number in (*numbers, CONTINUOUS)
        if (layout.labels(number, split) / "labels.jsonl").exists()
    }
    if not found:
        raise XlplError(
            f"no round holds labels of the split {split!r}",
            file=run,
            expected=f"round-0/labels/{split}/labels.jsonl",
            remedy=f"list {split!r} in the eval_splits of the run's configuration, or give another --split",
        )
    return found
