"""What a cell does: its data, the source AM, the topline where it is asked for, and the run of rounds."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xlpl_plugin
from study.cells import Cell
from study.materials import Materials, TargetText
from study.settings import CellSettings
from study.steps import ROOT, Aside, Place, Step, WorkFolder
from xlpl_plugin.models.precision import computes_bf16

# inside the folder of a step that is a run of `xlpl iterate`
CONFIG, RUN = "run.yaml", "run"
TEST = "test"
# a step whose kind has no expected hours
_USUAL_HOURS = 0.01
# a run that ends with the labels of its source AM, whatever they are
_NO_ROUNDS = {"rounds": 0, "stop": {"zero_shot": "off"}, "student": {"config_name": "train"}}


@dataclass(frozen=True)
class CellPlan:
    """The steps whose output a cell is measured by; all others are among their needs.

    ``source_tests``: language -> labels of that source's own test part by the source AM.
    """

    run: Step
    topline: Step | None
    source_tests: Mapping[str, Step]
    materials: Materials

    def steps(self) -> list[Step]:
        """Return all steps in an order in which they can be done."""
        ends = [*self.source_tests.values(), *([self.topline] if self.topline else []), self.run]
        return list({step.key: step for end in ends for step in end.with_needs()}.values())

    def hours(self, cell: Cell, work: WorkFolder, counted: set[str] | None = None) -> float:
        """Return the expected hours of the steps that are not done, nor ``counted`` before, to which they are added."""
        counted = set() if counted is None else counted
        steps = [step for step in self.steps() if step.key not in counted and not work.is_done(step)]
        counted.update(step.key for step in steps)
        return sum(cell.hours.get(step.kind, _USUAL_HOURS) for step in steps)


def plan_cell(settings: CellSettings) -> CellPlan:
    """Put the steps of a cell together.

    Raises:
        XlplError: data that the cell needs and this machine lacks; how to get them.
    """
    materials = Materials(settings)
    source = _source(settings, materials)
    am = Place(f"{RUN}/source/model.pt", source)
    common = _common(settings, materials)
    return CellPlan(
        _iterate("run", _name(settings), _run(settings, materials, am, common)),
        _topline(settings, materials, am, common) if settings.topline else None,
        {place.step.name: _label(am, place) for place, _, human in materials.sources if human and place.step},
        materials,
    )


def _name(settings: CellSettings) -> str:
    return f"{settings.target.language}-{settings.seed}"


def _iterate(kind: str, name: str, config: dict[str, Any]) -> Step:
    command = ("xlpl", "iterate", Place(CONFIG))
    return Step(kind, name, (command,), {CONFIG: {"out": Place(RUN), **config}}, goes_on=True)


def _label(am: Place, data: Place) -> Step:
    """A source AM on the test part of one of its own languages."""
    command = ("xlpl", "label", ("am=", am), ("data=", data), f"split={TEST}", ("out=", Place("labels")))
    return Step("source-test", data.step.name if data.step else "", (command,), goes_on=True)


def _source(settings: CellSettings, materials: Materials) -> Step:
    """Train the source AM, by a run that ends after it; what such a run labels is of its first folder, and little.

    Cells of one source, whatever their target and text, share one training.
    """
    (first, _, _), *others = materials.sources
    mix = {"mix": [place for place, _, _ in others], "mix_weights": [weight for _, weight, _ in others]}
    training = _completed(settings.recipes.source, settings.sources.seed) | mix
    config = {
        **_NO_ROUNDS,
        "source": {"data": first, "training": training},
        "target": {"data": first, "train_split": "valid", "valid_split": TEST},
        "tuning": {"enabled": False},
    }
    return _iterate("source", f"seed-{settings.sources.seed}", config)


def _common(settings: CellSettings, materials: Materials) -> dict[str, Any]:
    """Return what rounds and topline share: the target, the decoder and its tuning, signals."""
    text: TargetText = materials.text
    by_letters = settings.text.letters
    files: dict[str, Any] = {
        "target": {"data": materials.target.data, "eval_splits": [TEST]},
        "decoder": {"lexicon": "" if by_letters else text.lexicon, "lm": text.letters if by_letters else text.lm},
        "tuning": {"search": {"text": text.text}},
        "signals": {"lm": text.letters, "lm_level": "units"},
    }
    return _merged(settings.recipes.run, files)


def _run(settings: CellSettings, materials: Materials, am: Place, common: dict[str, Any]) -> dict[str, Any]:
    student = _completed(common.get("student", {}), settings.seed)
    weight = settings.sources.student_weight
    if mixed := [place for place, _, human in materials.sources if human and weight]:
        student |= {"mix": mixed, "mix_weights": [weight] * len(mixed)}
    return _merged(common, {"source": {"checkpoint": am}, "student": student})


def _topline(settings: CellSettings, materials: Materials, am: Place, common: dict[str, Any]) -> Step:
    """Train from the source AM on the target's transcripts, then tune and label as round 0 of a run does."""
    training = _completed(settings.recipes.topline, settings.seed)
    words = {"max_update": "optimization.max_update={}", "lr": "optimization.lr=[{}]"}
    command = (
        "train", Aside(("--config-dir", str(ROOT / "config"))), "--config-name", training["config_name"],
        Aside((f"common.user_dir={Path(xlpl_plugin.__file__).parent}",)), ("task.data=", materials.target.references),
        ("task.init_from=", am), ("checkpoint.save_dir=", Place("checkpoints")), *training["overrides"],
        *(word.format(training[key]) for key, word in words.items() if key in training),
    )  # fmt: skip
    kept = {key: value for key, value in common.items() if key not in ("student", "changes", "continuous")}
    source = {"source": {"checkpoint": Place("checkpoints/checkpoint_last.pt")}}
    run = _iterate("topline", _name(settings), _merged(kept, {**_NO_ROUNDS, **source}))
    return replace(run, commands=(command, *run.commands))


def _completed(training: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return a recipe with its seed, in the precision in which this machine is quick."""
    made = deepcopy(dict(training))
    precision = [Aside(("common.bf16=true",))] if computes_bf16() else []
    made["overrides"] = [*made.get("overrides", []), *precision, f"common.seed={seed}"]
    return made


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with those of ``other`` put over them."""
    made = dict(one)
    for key, value in other.items():
        below = made.get(key)
        made[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return made
