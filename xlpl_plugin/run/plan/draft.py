"""The steps of a plan so far, with what all that add to them ask: configuration, folders, names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.recipes import Recipe
from xlpl_plugin.run.plan.steps import Step
from xlpl_plugin.stage import Stage

FIRST = Stage.round(0)


class Draft:
    """Adds steps in their order to ``steps``, which several drafts share.

    A step is named after the folder that it writes below, and what it does there.
    """

    def __init__(self, config: IterateConfig, recipes: Sequence[Recipe], steps: list[Step]) -> None:
        self.config, self.recipes, self.steps = config, recipes, steps
        self.layout = RunLayout(config.out)
        target = config.target
        self.train_split, self.valid_split = target.train_split, target.valid_split
        self.splits = (target.train_split, target.valid_split, *target.eval_splits)

    def _name(self, home: Path, *parts: str) -> str:
        return "/".join((*home.relative_to(self.layout.run).parts, *parts))

    def _label_name(self, stage: Stage, split: str) -> str:
        return f"{stage.folder}/label/{split}"

    def _tuning(self, stage: Stage | None) -> str:
        return "" if stage is None else str(self.layout.tuning(stage))

    def _length_stage(self, stage: Stage) -> Stage | None:
        """Return the stage whose tuning says how long output should be.

        Students are held to what the source AM expected.
        """
        return FIRST if stage > FIRST and self.recipes[0].tuned == FIRST else None
