"""What a run would do: its rounds, its steps with the time that they should take, and the trainings' commands."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from xlpl_plugin.files import sha256
from xlpl_plugin.monitoring.signals import DecoderWeights
from xlpl_plugin.run.checks import check
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.dry_run.estimate import Estimate, Estimator, hours, stand_in
from xlpl_plugin.run.dry_run.probe import Speed, time_training
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.dependencies import encoder_files
from xlpl_plugin.run.plan.parts import Start
from xlpl_plugin.run.plan.planner import make_plan
from xlpl_plugin.run.plan.recipes import Recipe, phase_recipe, recipes
from xlpl_plugin.run.plan.steps import Step, Train, fingerprints
from xlpl_plugin.run.result import Result, goes_on, known_outcome
from xlpl_plugin.run.state import RunState
from xlpl_plugin.run.training.command import find_trainer, max_update, training_command
from xlpl_plugin.text_table import render

_GUESS = (
    "continuous: starts from the best round, with its model, labels and weights; which one that is, the rounds will "
    "tell. Above it is the last one, and weights are as configured."
)


def describe(config: IterateConfig, *, probe: bool = True) -> str:
    """Return tables of rounds and steps, the training commands, and the time that is left. Writes nothing in the run.

    Args:
        probe: time a few updates of the trainings of which none has been done yet.

    Raises:
        XlplError: a configuration that cannot run, or a training that does not start.
    """
    check(config)
    trainer = tuple(config.train_command) or find_trainer()
    plan, digest, state = make_plan(config), cache(sha256), RunState(RunLayout(config.out).state)
    marks = fingerprints(plan, digest)
    outcome = known_outcome(config, plan, marks, state)
    start = _start(config, outcome)
    if start:
        plan = make_plan(config, start)
        marks = fingerprints(plan, digest)

    # of the source AM, which students begin from
    encoder = next(iter(encoder_files(config.source.training)), "")

    def timed(step: Train) -> Speed | None:
        data = stand_in(plan, step) if probe else ""
        return time_training(step, trainer, config.launcher, data, encoder) if data else None

    estimator = Estimator(plan, state, marks, config.workers, timed)
    estimates = [estimator.estimate(step) for step in plan]
    commands = [
        f"{step.name}:\n  {shlex.join(training_command(step, trainer, config.launcher, config.workers))}"
        for step in plan
        if isinstance(step, Train)
    ]
    guess = [_GUESS] if start and not outcome else []
    return "\n\n".join([_rounds(config, plan, start), _steps(plan, estimates), *commands, *guess, _left(estimates)])


def _start(config: IterateConfig, outcome: Result | None) -> Start | None:
    """Return where the continuous phase starts; while the rounds are not over, as if the last one were the best."""
    if outcome:
        return Start(outcome.best, outcome.weights) if goes_on(config, outcome) else None
    return Start(config.rounds, DecoderWeights.of(config.decoder)) if config.continuous.enabled else None


def _rounds(config: IterateConfig, plan: Sequence[Step], start: Start | None) -> str:
    lengths = {step.stage: max_update(step) for step in plan if isinstance(step, Train)}
    planned = recipes(config)
    phase = (phase_recipe(config, planned[start.round], start.weights),) if start else ()
    source = "source AM and voters" if config.voters else "source AM"
    rows = [
        {
            "round": str(recipe.stage).removeprefix("round "),
            "student starts from": recipe.init if recipe.before else "",
            "updates": _updates(recipe, lengths.get(recipe.stage)) if recipe.before else "",
            "source speech mixed in": " ".join(map(str, recipe.training.mix_weights)) if recipe.before else "",
            "teacher": recipe.training.checkpoint if recipe.before else source,
            "labels": f"{recipe.share:.0%}",
            "decoder's weights": _weights(recipe),
            **({"students": _students(recipe)} if any(recipe.students > 1 for recipe in planned) else {}),
            **({"a person's transcripts": _tables(recipe)} if config.corrections else {}),
        }
        for recipe in (*planned, *phase)
    ]
    return render(rows)


def _updates(recipe: Recipe, length: int | None) -> str:
    """Return the updates of a round; several students make as many each."""
    return "" if not length else str(length) if recipe.students == 1 else f"{recipe.students} x {length}"


def _students(recipe: Recipe) -> str:
    if recipe.before is None:
        return ""
    return f"{recipe.folds} folds" if recipe.folds > 1 else f"team of {recipe.team}" if recipe.team > 1 else "1"


def _weights(recipe: Recipe) -> str:
    if recipe.tuned is None:
        return "as configured"
    return "tuned" if recipe.tuned == recipe.stage else f"of {recipe.tuned}"


def _tables(recipe: Recipe) -> str:
    return " ".join(Path(entry.file).name for entry in recipe.corrections)


def _steps(plan: Sequence[Step], estimates: Sequence[Estimate]) -> str:
    rows = [
        {
            "step": step.name,
            "done": "x" if estimate.basis == "done" else "",
            "time": "?" if estimate.seconds is None else hours(estimate.seconds),
            "known from": estimate.basis,
        }
        for step, estimate in zip(plan, estimates, strict=True)
    ]
    return render(rows)


def _left(estimates: Sequence[Estimate]) -> str:
    left = [estimate.seconds for estimate in estimates if estimate.basis != "done"]
    unknown = sum(seconds is None for seconds in left)
    total = sum(seconds for seconds in left if seconds is not None)
    text = f"left: about {total / 3600:.2f} hours" if left else "left: nothing"
    return f"{text}, and {unknown} steps of unknown length" if unknown else text
