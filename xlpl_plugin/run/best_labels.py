"""Where the labels are that a run thinks best of, and the audio that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.run.config import TargetConfig
from xlpl_plugin.run.frozen_config import frozen_section
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import Stage


@dataclass(frozen=True)
class BestLabels:
    """The labels of the split that students learn from, by the stage whose model the run would use.

    Attributes:
        file: labels.jsonl.
        data: the prepared folder with the recordings.
        split: its name there.
    """

    stage: Stage
    file: Path
    data: Path
    split: str


def find_best_labels(run: str | Path) -> BestLabels:
    """Return the best labels of a run, finished or not.

    Raises:
        XlplError: no run, one that has labelled nothing yet, or labels that are gone.
    """
    layout = RunLayout(must_exist(run, "the run directory of 'xlpl iterate'"))
    if not layout.result.exists():
        raise XlplError(
            "no run that has labels",
            file=run,
            expected=f"the run directory of 'xlpl iterate', with {layout.result.name}, which round 0 writes",
            remedy="name the folder that is the out=... of the run; go on with one that has just begun",
        )
    stage, target = Result.read(layout.result).best_stage, frozen_section(layout.config, "target", TargetConfig)
    file = layout.labels(stage, target.train_split) / LABELS_FILE
    return BestLabels(stage, must_exist(file, f"the labels of {stage}"), Path(target.data), target.train_split)
