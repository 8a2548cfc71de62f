"""What each stage does: the configuration with its exceptions, written out stage by stage."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from xlpl_plugin.continuous.options import EMA, ContinuousOptions
from xlpl_plugin.monitoring.signals import DecoderWeights
from xlpl_plugin.run.config import (
    BOTH,
    LM,
    NONE,
    PSEUDO,
    SOURCE_PART,
    CorrectionsConfig,
    IterateConfig,
    PhaseConfig,
    RoundChanges,
    TrainingConfig,
)
from xlpl_plugin.run.plan.dependencies import override
from xlpl_plugin.stage import CONTINUOUS, Stage

# each student of a team has its own, from the one that is set
SEED = "common.seed"
# of the decoder, beside what the start round's tuning chose
_SEARCH_OPTIONS = ("beam_token", "beam_threshold", "log_add", "collapse_blank")


@dataclass(frozen=True)
class Recipe:
    """One round, or the continuous phase. Round 0 has no student: of it only ``share`` and ``tuned`` mean something.

    Attributes:
        before: the round whose labels its model learns from, and whose signals and labels it is compared with; None in
            round 0.
        init: what the student starts from: source, previous or scratch; of the continuous phase the round.
        training: of the student, with the exceptions of the round; all that it sets stands among the overrides.
        share: of the target's train split that is labelled.
        tuned: the stage whose tuning gives the decoder's weights; None: the decoder's own.
        corrections: what its model learns from beside labels; the continuous phase from all that the rounds did.
        folds: students that each leave out one part; 1: none.
        team: students of the same labels; 1: one.
        drop_unsure_words: share of the labels' words that is left out, with their audio.
    """

    stage: Stage
    before: Stage | None
    init: str
    training: TrainingConfig
    share: float
    tuned: Stage | None
    corrections: tuple[CorrectionsConfig, ...] = ()
    folds: int = 1
    team: int = 1
    drop_unsure_words: float = 0.0

    @property
    def students(self) -> int:
        return max(self.folds, self.team)

    @property
    def seed(self) -> str:
        """What the first student's seed is set to."""
        return override(self.training, SEED) or "1"

    def training_of(self, number: int) -> TrainingConfig:
        """Return the training of a student: in a team each has a seed of its own."""
        if self.team == 1:
            return self.training
        return replace(self.training, overrides=[*self.training.overrides, f"++{SEED}={int(self.seed) + number - 1}"])


def recipes(config: IterateConfig) -> tuple[Recipe, ...]:
    """Return the recipes of all rounds, from 0."""
    changes = {change.round: change for change in config.changes}
    found: list[Recipe] = []
    for number in range(config.rounds + 1):
        tuned = found[-1].tuned if found else None
        found.append(_recipe(config, changes.get(number, RoundChanges(round=number)), tuned))
    return tuple(found)


def _recipe(config: IterateConfig, changes: RoundChanges, tuned_before: Stage | None) -> Recipe:
    student, tuning, stage = config.student, config.tuning, Stage.round(changes.round)
    tunes = (changes.round == 0 or tuning.every_round) if changes.tune is None else changes.tune
    training = replace(
        student,
        overrides=[*student.overrides, *changes.overrides],
        lr=changes.lr or student.lr,
        max_update=changes.max_update or student.max_update,
        checkpoint=changes.checkpoint or student.checkpoint,
        mix_weights=changes.mix_weights or student.mix_weights,
    )
    return Recipe(
        stage=stage,
        before=Stage.round(changes.round - 1) if changes.round else None,
        init=changes.init or student.init,
        training=complete_training(training),
        share=changes.share or config.target.share,
        tuned=stage if tuning.enabled and tunes else tuned_before,
        corrections=tuple(entry for entry in config.corrections if entry.from_round <= changes.round),
        folds=(changes.folds or student.folds) if changes.round else 1,
        team=(changes.team or student.team) if changes.round else 1,
        drop_unsure_words=student.drop_unsure_words if changes.drop_unsure_words is None else changes.drop_unsure_words,
    )


def complete_training(training: TrainingConfig) -> TrainingConfig:
    """Return a training with all that it sets among its overrides: learning rate, length, moving average."""
    plain = TrainingConfig(**{field.name: getattr(training, field.name) for field in fields(TrainingConfig)})
    overrides = [
        *plain.overrides,
        *((f"++optimization.max_update={plain.max_update}",) if plain.max_update else ()),
        *((f"++optimization.lr=[{plain.lr!r}]",) if plain.lr else ()),
        *(("++ema.store_ema=true",) if plain.checkpoint == "ema" else ()),
    ]
    return replace(plain, overrides=overrides)


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


def phase_recipe(config: IterateConfig, start: Recipe, weights: DecoderWeights) -> Recipe:
    """Return the recipe of the continuous phase.

    Args:
        start: of the round whose model goes on.
        weights: of the decoder in that round.
    """
    phase, tuning = phase_training(config), config.tuning
    search = _search_overrides(config, weights) if phase.label_with == LM else ()
    training = replace(phase, overrides=[*_task_overrides(phase), *search, *phase.overrides])
    return Recipe(
        stage=CONTINUOUS,
        before=start.stage,
        init=str(start.stage),
        training=complete_training(training),
        share=config.target.share,
        tuned=CONTINUOUS if tuning.enabled and tuning.every_round else start.tuned,
        corrections=tuple(config.corrections),
        drop_unsure_words=config.student.drop_unsure_words,
    )


def _task_overrides(phase: PhaseConfig) -> tuple[str, ...]:
    """Return the overrides of what the phase sets; of no labelled part there are no updates."""
    options = {item.name: getattr(phase, item.name) for item in fields(ContinuousOptions)}
    if phase.labelled == NONE:
        options |= {"warm_up": 0, "labelled_updates": 0}
    options["data_weight"] = 1.0 if phase.labelled in (BOTH, PSEUDO) else 0.0
    return (
        *(f"++task.{name}={value}" for name, value in options.items() if value not in (None, "")),
        *(("++ema.store_ema=true",) if phase.teacher == EMA else ()),
    )


def _search_overrides(config: IterateConfig, weights: DecoderWeights) -> tuple[str, ...]:
    """Return the overrides of the search with lexicon and LM, whose files a step names."""
    options = {name: getattr(config.decoder, name) for name in _SEARCH_OPTIONS}
    options |= {**vars(weights), "beam": config.continuous.beam}
    return tuple(f"++task.dec_{name}={value}" for name, value in options.items())
