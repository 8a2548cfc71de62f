"""From a configuration to the steps of a run, in their order."""

from __future__ import annotations

from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.plan.labellings import Labellings
from xlpl_plugin.run.plan.parts import Model, Start
from xlpl_plugin.run.plan.recipes import phase_recipe, recipes
from xlpl_plugin.run.plan.steps import Step
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
        self.trainings, self.labellings = Trainings(config, self.steps), Labellings(config, self.steps)

    def add_rounds(self) -> None:
        first, *others = self.recipes
        source = teacher = self.trainings.source(self.config.source, 1)
        voters = [self.trainings.source(voter, number) for number, voter in enumerate(self.config.voters, start=2)]
        self.labellings.add(first, [source, *voters])
        self.models.append(source)
        for recipe in others:
            start = {"source": source, "previous": teacher, "scratch": Model("")}[recipe.init]
            teacher = self.trainings.student(recipe, start)
            self.labellings.add(recipe, [teacher])
            self.models.append(teacher)

    def add_phase(self, start: Start) -> None:
        before = self.recipes[start.round]
        recipe = phase_recipe(self.config, before, start.weights)
        model = self.trainings.going_on(recipe, before, self.models[before.stage.number])
        self.labellings.add(recipe, [model])
