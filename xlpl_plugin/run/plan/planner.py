"""From a configuration to the steps of a run, in their order."""

from __future__ import annotations

from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.plan.labellings import Labellings
from xlpl_plugin.run.plan.parts import Audio, Model, Start
from xlpl_plugin.run.plan.recipes import Recipe, phase_recipe, recipes
from xlpl_plugin.run.plan.steps import Collect, Step
from xlpl_plugin.run.plan.trainings import Trainings


def make_plan(config: IterateConfig, start: Start | None = None) -> tuple[Step, ...]:
    """Return all steps: the source AM, its labelling (round 0), then for each round a student and its labelling.

    With a ``start`` the continuous phase and its labelling follow.
    """
    planner = _Planner(config)
    planner.add_rounds()
    if start:
        planner.add_phase(start)
    return tuple(planner.steps)


class _Planner:
    """Puts rounds, and the phase after them, in their order."""

    def __init__(self, config: IterateConfig) -> None:
        self.config, self.recipes = config, recipes(config)
        self.steps: list[Step] = []
        self.models: list[Model] = []
        self.trainings = Trainings(config, self.recipes, self.steps)
        self.labellings = Labellings(config, self.recipes, self.steps)

    def add_rounds(self) -> None:
        first, *others = self.recipes
        source = teacher = self.trainings.source(self.config.source, 1)
        voters = [self.trainings.source(voter, number) for number, voter in enumerate(self.config.voters, start=2)]
        self.labellings.add(first, [source, *voters], self.labellings.audio(first))
        self.models.append(source)
        for recipe in others:
            start = {"source": source, "previous": teacher, "scratch": Model("")}[recipe.init]
            teacher = self._round(recipe, start)
            self.models.append(teacher)

    def _round(self, recipe: Recipe, start: Model) -> Model:
        """Add a round; return its model."""
        collect = self.trainings.collect(recipe)
        if recipe.folds > 1:
            return self._folds(recipe, start, collect)
        students = [self.trainings.student(recipe, start, collect, number) for number in range(1, recipe.team + 1)]
        self.labellings.add(recipe, students, self.labellings.audio(recipe))
        return students[0]

    def _folds(self, recipe: Recipe, start: Model, collect: Collect) -> Model:
        """Add a round whose students each label the part that they did not learn from."""
        audio = self.labellings.audio(recipe)
        divide = self.trainings.divide(recipe, collect, audio)
        parts = [Audio(str(divide.audio_of(fold)), audio.split, divide.name) for fold in range(1, recipe.folds + 1)]
        students = [
            self.trainings.student(recipe, start, divide, number, part) for number, part in enumerate(parts, start=1)
        ]
        self.labellings.add(recipe, students, audio, parts)
        return students[0]

    def add_phase(self, start: Start) -> None:
        before = self.recipes[start.round]
        recipe = phase_recipe(self.config, before, start.weights)
        model = self.trainings.going_on(recipe, before, self.models[before.stage.number])
        self.labellings.add(recipe, [model], self.labellings.audio(recipe))
