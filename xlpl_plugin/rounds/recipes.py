"""What each round does: the configuration with its exceptions, written out round by round."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.rounds.options import IterateConfig, RoundChanges, TrainingConfig


@dataclass(frozen=True)
class Recipe:
    """One round. Round 0 has no student: of it only ``share`` and ``tuned`` mean something.

    Attributes:
        round: its number.
        init: what the student starts from: source, previous or scratch.
        checkpoint: which of its weights become the teacher of the next round.
        average: how many checkpoints that looks at, where it looks at several.
        overrides: of the training, learning rate and length included.
        mix_weights: share of each mixed-in folder that an epoch draws.
        share: of the target's train split that is labelled.
        tuned: round whose tuning gives the decoder's weights; None: the decoder's own.
    """

    round: int
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


def overrides_of(training: TrainingConfig) -> tuple[str, ...]:
    """Return the overrides of a training that has no exceptions, such as that of a source AM."""
    return (*training.overrides, *length_and_rate(training.max_update, training.lr))


def length_and_rate(max_update: int, lr: float) -> tuple[str, ...]:
    """Return the overrides that set them; 0 sets nothing."""
    return (
        *((f"++optimization.max_update={max_update}",) if max_update else ()),
        *((f"++optimization.lr=[{lr!r}]",) if lr else ()),
    )
