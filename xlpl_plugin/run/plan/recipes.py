"""What each round does: the configuration with its exceptions, written out round by round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xlpl_plugin.continuous.options import EMA
from xlpl_plugin.run.config import (
    BOTH,
    LM,
    NONE,
    PSEUDO,
    SOURCE_PART,
    IterateConfig,
    PhaseConfig,
    RoundChanges,
    TrainingConfig,
)
from xlpl_plugin.run.layout import CONTINUOUS, title

# of the decoder, beside what the start round's tuning chose
_SEARCH_OPTIONS = ("beam_token", "beam_threshold", "log_add", "collapse_blank")
# of the phase, named as the task names them
_TASK_OPTIONS = (
    "warm_up",
    "replacement",
    "cache_size",
    "replace_prob",
    "labelled_updates",
    "unlabelled_updates",
    "teacher",
    "dropout_scale",
    "layer_drop_scale",
)


@dataclass(frozen=True)
class Recipe:
    """One round. Round 0 has no student: of it only ``share`` and ``tuned`` mean something.

    Attributes:
        round: its number.
        before: round whose labels its model learns from, and whose signals and labels it is compared with; None in
            round 0.
        init: what the student starts from: source, previous or scratch; of the continuous phase the round.
        checkpoint: which of its weights become the teacher of the next round.
        average: how many checkpoints that looks at, where it looks at several.
        overrides: of the training, learning rate and length included.
        mix_weights: share of each mixed-in folder that an epoch draws.
        share: of the target's train split that is labelled.
        tuned: round whose tuning gives the decoder's weights; None: the decoder's own.
    """

    round: int
    before: int | None
    init: str
    checkpoint: str
    average: int
    overrides: tuple[str, ...]
    mix_weights: tuple[float, ...]
    share: float
    tuned: int | None


def recipes(config: IterateConfig) -> tuple[Recipe, ...]:
    """Return the recipes of all rounds, from 0."""
    changes = {change.round: change for change in config.changes}
    found: list[Recipe] = []
    for number in range(config.rounds + 1):
        tuned = found[-1].tuned if found else None
        found.append(_recipe(config, changes.get(number, RoundChanges(round=number)), tuned))
    return tuple(found)


def _recipe(config: IterateConfig, changes: RoundChanges, tuned_before: int | None) -> Recipe:
    student, tuning = config.student, config.tuning
    tunes = (changes.round == 0 or tuning.every_round) if changes.tune is None else changes.tune
    lr = changes.lr or student.lr
    return Recipe(
        round=changes.round,
        before=changes.round - 1 if changes.round else None,
        init=changes.init or student.init,
        checkpoint=changes.checkpoint or student.checkpoint,
        average=student.average,
        overrides=(
            *student.overrides,
            *changes.overrides,
            *length_and_rate(changes.max_update or student.max_update, lr),
        ),
        mix_weights=tuple(changes.mix_weights or student.mix_weights),
        share=changes.share or config.target.share,
        tuned=changes.round if tuning.enabled and tunes else tuned_before,
    )


def phase_training(config: IterateConfig) -> PhaseConfig:
    """Return how the continuous phase is trained, with what it takes over from the students."""
    phase, student = config.continuous, config.student
    source = phase.labelled in (BOTH, SOURCE_PART)
    return replace(
        phase,
        config_dir=phase.config_dir or student.config_dir,
        overrides=[*student.overrides, *phase.overrides],
        mix=list(phase.mix or student.mix) if source else [],
        mix_weights=list(phase.mix_weights or ([] if phase.mix else student.mix_weights)) if source else [],
    )


def phase_recipe(config: IterateConfig, start: Recipe, weights: Mapping[str, float]) -> Recipe:
    """Return the recipe of the continuous phase.

    Args:
        start: of the round whose model goes on.
        weights: of the decoder in that round: lm_weight, word_score and blank_penalty.
    """
    training, tuning = phase_training(config), config.tuning
    search = _search_overrides(config, weights) if training.label_with == LM else ()
    return Recipe(
        round=CONTINUOUS,
        before=start.round,
        init=title(start.round),
        checkpoint=training.checkpoint,
        average=training.average,
        overrides=(*_task_overrides(training), *search, *overrides_of(training)),
        mix_weights=tuple(training.mix_weights),
        share=config.target.share,
        tuned=CONTINUOUS if tuning.enabled and tuning.every_round else start.tuned,
    )


def _task_overrides(phase: PhaseConfig) -> tuple[str, ...]:
    """Return the overrides of what the phase sets; of no labelled part there are no updates."""
    options = {name: getattr(phase, name) for name in _TASK_OPTIONS}
    if phase.labelled == NONE:
        options |= {"warm_up": 0, "labelled_updates": 0}
    options["data_weight"] = 1.0 if phase.labelled in (BOTH, PSEUDO) else 0.0
    return (
        *(f"++task.{name}={value}" for name, value in options.items() if value not in (None, "")),
        *(("++ema.store_ema=true",) if phase.teacher == EMA else ()),
    )


def _search_overrides(config: IterateConfig, weights: Mapping[str, float]) -> tuple[str, ...]:
    """Return the overrides of the search with lexicon and LM, whose files a step names."""
    options = {name: getattr(config.decoder, name) for name in _SEARCH_OPTIONS}
    options |= {name: weights[name] for name in ("lm_weight", "word_score", "blank_penalty")}
    options["beam"] = config.continuous.beam
    return tuple(f"++task.dec_{name}={value}" for name, value in options.items())


def overrides_of(training: TrainingConfig) -> tuple[str, ...]:
    """Return the overrides of a training that has no exceptions, such as that of a source AM."""
    return (*training.overrides, *length_and_rate(training.max_update, training.lr))


def length_and_rate(max_update: int, lr: float) -> tuple[str, ...]:
    """Return the overrides that set them; 0 sets nothing."""
    return (
        *((f"++optimization.max_update={max_update}",) if max_update else ()),
        *((f"++optimization.lr=[{lr!r}]",) if lr else ()),
    )
