"""What is refused about a configuration before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xlpl_plugin.data.split import Folds
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.run.config import (
    LM,
    NONE,
    PREVIOUS,
    SOURCE_PART,
    IterateConfig,
    PhaseConfig,
    SourceConfig,
    TargetConfig,
    TrainingConfig,
)
from xlpl_plugin.run.corrections import check_corrections
from xlpl_plugin.run.plan.dependencies import encoder_files
from xlpl_plugin.run.plan.recipes import SEED, phase_training, recipes
from xlpl_plugin.schema import check_options
from xlpl_plugin.stage import Stage

# set by the driver for every training; a user's override of them would be lost or break the run
_OWNED = (
    "common.user_dir",
    "task.data",
    "task.init_from",
    "task.mix",
    "task.mix_weights",
    "checkpoint.save_dir",
    "dataset.train_subset",
    "dataset.valid_subset",
    "task.unlabelled",
    "task.unlabelled_split",
    "task.data_weight",
    "task.label_workers",
)


def check(config: IterateConfig) -> None:
    """Refuse what cannot run before anything is written.

    Raises:
        XlplError: values that do not fit together, or a file that is missing.
    """
    check_options(config)
    for key, source in (("source", config.source), *((f"voters[{n}]", v) for n, v in enumerate(config.voters))):
        _check_source(key, source)
    _check_target(config.target)
    if config.filter.other not in ("", PREVIOUS):
        for split in _splits(config.target):
            must_exist(Path(config.filter.other) / split, "other labels, a folder for each split")
    labelled = min([config.target.share, *(change.share for change in config.changes if change.share)])
    if config.filter.other == PREVIOUS and labelled < 1:
        raise XlplError(
            "filter.other=previous compares with labels of the same utterances, and each round labels others",
            expected="target.share=1 and no share in changes, or no filter.other",
        )
    if config.tuning.enabled and not config.decoder.lm:
        raise XlplError(
            "tuning is on, but there is no LM whose weight could be tuned",
            expected="decoder.lexicon and decoder.lm",
            remedy="set them, or set tuning.enabled=false",
        )
    if config.rounds:
        _check_training("student", config.student)
        _check_changes(config)
        _check_students(config)
    if config.continuous.enabled:
        _check_phase(config)
    check_corrections(config)


def _check_source(key: str, source: SourceConfig) -> None:
    if bool(source.checkpoint) == bool(source.data):
        raise XlplError(
            f"{key}: the source AM is given twice" if source.data else f"{key}: no source AM",
            expected=f"either {key}.checkpoint, or {key}.data and {key}.training",
        )
    if source.checkpoint:
        return
    for split in ("train", "valid"):
        for suffix in ("tsv", "ltr"):
            must_exist(Path(source.data) / f"{split}.{suffix}", "labelled source data prepared by 'xlpl prepare'")
    _check_training(f"{key}.training", source.training)


def _check_target(target: TargetConfig) -> None:
    splits = _splits(target)
    if len(set(splits)) != len(splits):
        raise XlplError(
            f"a split stands twice among {', '.join(splits)}",
            expected="train_split, valid_split and eval_splits all different",
            remedy="audio that is scored later must not be trained on",
        )
    for split in splits:
        must_exist(Path(target.data) / f"{split}.tsv", "a manifest of the target's audio")


def _splits(target: TargetConfig) -> list[str]:
    return [target.train_split, target.valid_split, *target.eval_splits]


def _check_training(key: str, training: TrainingConfig) -> None:
    if not training.config_name:
        raise XlplError(
            f"{key} does not say how to train",
            expected=f"{key}.config_name, the name of a YAML file of fairseq-hydra-train, such as train",
        )
    must_exist(training.file, f"the YAML file of {key}")
    for encoder in encoder_files(training):
        must_exist(encoder, f"a pre-trained encoder (model.w2v_path of {key}.overrides)")
    _check_overrides(f"{key}.overrides", training.overrides)
    _check_weights(f"{key}.mix_weights", training.mix_weights, len(training.mix))
    for folder in training.mix:
        must_exist(Path(folder) / "train.ltr", f"a labelled prepared folder for {key}.mix")


def _check_phase(config: IterateConfig) -> None:
    phase = config.continuous
    training = phase_training(config)
    _check_training("continuous", training)
    _check_labelled_part(training)
    if phase.unlabelled_updates == 0:
        raise XlplError("continuous.unlabelled_updates=0", expected="at least 1: the phase trains on its own labels")
    if phase.label_with == LM and not (config.decoder.lexicon or config.decoder.lm):
        raise XlplError(
            "continuous.label_with=lm, but the decoder has neither lexicon nor LM",
            expected="decoder.lexicon and decoder.lm",
            remedy="set them, or set continuous.label_with=greedy",
        )


def _check_labelled_part(phase: PhaseConfig) -> None:
    if phase.labelled == SOURCE_PART and not phase.mix:
        raise XlplError(
            "continuous.labelled=source, but there is no labelled speech of a source",
            expected="continuous.mix or student.mix",
            remedy="set one of them, or set continuous.labelled=pseudo",
        )
    if phase.labelled == NONE and (phase.warm_up or phase.labelled_updates):
        raise XlplError(
            f"continuous.labelled=none with warm_up={phase.warm_up} and labelled_updates={phase.labelled_updates}",
            expected="no updates on a labelled part that there is not",
            remedy="leave both out, or set continuous.labelled=both",
        )
    if phase.labelled != NONE and phase.labelled_updates == 0:
        raise XlplError(
            f"continuous.labelled={phase.labelled} with labelled_updates=0",
            expected="labelled_updates of at least 1",
            remedy="set continuous.labelled=none to train without a labelled part",
        )


def _check_changes(config: IterateConfig) -> None:
    numbers = [change.round for change in config.changes]
    for change in config.changes:
        key = f"changes (round {change.round})"
        if not 1 <= change.round <= config.rounds or numbers.count(change.round) > 1:
            raise XlplError(f"{key} cannot be used", expected=f"each round from 1 to {config.rounds} at most once")
        _check_overrides(f"{key}: overrides", change.overrides)
        if change.tune and not config.tuning.enabled:
            raise XlplError(f"{key}: tune=true, but tuning.enabled=false", expected="tuning.enabled=true")
        if change.mix_weights:
            _check_weights(f"{key}: mix_weights", change.mix_weights, len(config.student.mix))


def _check_students(config: IterateConfig) -> None:
    """Refuse several students of a round that cannot be."""
    rounds = [recipe for recipe in recipes(config) if recipe.students > 1]
    for recipe in rounds:
        if min(recipe.folds, recipe.team) > 1:
            raise XlplError(
                f"{recipe.stage}: folds={recipe.folds} and team={recipe.team}",
                expected="one of the two above 1 in a round",
                remedy="set the other to 1 there (changes), or take them in different rounds",
            )
        if recipe.folds > 1 and recipe.init == "previous" and recipe.stage > Stage.round(1):
            raise XlplError(
                f"{recipe.stage}: folds={recipe.folds} with init=previous, a model that may have learned "
                "labels of all recordings",
                expected="students that never learned from what they label",
                remedy="set init: source (or scratch) for that round in changes, or for all students",
            )
        if recipe.team > 1 and not recipe.seed.isdecimal():
            raise XlplError(
                f"{recipe.stage}: {SEED}={recipe.seed}, and team={recipe.team}",
                expected="a whole number, from which the seeds of the team's students are counted on",
            )
    for count in {recipe.folds for recipe in rounds if recipe.folds > 1}:
        Folds(config.target.data, config.target.train_split, count)


def _check_overrides(key: str, overrides: Iterable[str]) -> None:
    for entry in overrides:
        name = entry.partition("=")[0].lstrip("+~")
        if "=" not in entry and not entry.startswith("~"):
            raise XlplError(f"{key}: {entry!r} has no '='", expected="key=value, such as optimization.max_update=4000")
        if name in _OWNED:
            raise XlplError(f"{key}: {name} is set by the driver", expected="another key", remedy="leave it out")


def _check_weights(key: str, weights: list[float], folders: int) -> None:
    if len(weights) != folders:
        raise XlplError(f"{key}={weights}", expected=f"one number above 0 for each of the {folders} folders of mix")
