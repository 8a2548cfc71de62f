"""What is refused about a configuration before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xlpl_plugin.continuous.options import REPLACEMENTS, TEACHERS
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.run.config import (
    GREEDY,
    LABELLED,
    LM,
    NONE,
    PREVIOUS,
    SOURCE_PART,
    ContinuousConfig,
    IterateConfig,
    SourceConfig,
    TargetConfig,
    TrainingConfig,
)
from xlpl_plugin.run.plan.recipes import phase_training
from xlpl_plugin.run.training.prune import POLICIES

INITS = ("source", "previous", "scratch")
CHECKPOINTS = ("last", "best", "average", "ema", "label_free")
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
    config.decoder.check()
    _at_least("rounds", config.rounds, 0)
    _at_least("workers", config.workers, 1)
    for key, source in (("source", config.source), *((f"voters ({n})", v) for n, v in enumerate(config.voters, 1))):
        _check_source(key, source)
    _check_target(config.target)
    config.filter.check()
    config.tuning.search.check()
    config.stop.check()
    _one_of("delete_checkpoints", config.delete_checkpoints, POLICIES)
    config.launcher.check()
    files = {
        "a lexicon": config.decoder.lexicon,
        "a KenLM model": config.decoder.lm,
        "a KenLM model that judges": config.tuning.search.judge,
        "normalised text of the target": config.tuning.search.text,
        "a second KenLM model": config.signals.lm,
        "normalised text of the target to compare with": config.signals.text,
        "an n-gram model over units": config.filter.letters_lm,
        "a lexicon of known words": config.filter.vocabulary,
    }
    for what, path in files.items():
        if path:
            must_exist(path, what)
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
        _one_of("student.init", config.student.init, INITS)
        _check_changes(config)
    if config.continuous.enabled:
        _check_phase(config)


def _check_source(key: str, source: SourceConfig) -> None:
    if bool(source.checkpoint) == bool(source.data):
        raise XlplError(
            f"{key}: the source AM is given twice" if source.data else f"{key}: no source AM",
            expected=f"either {key}.checkpoint, or {key}.data and {key}.training",
        )
    if source.checkpoint:
        must_exist(source.checkpoint, f"the checkpoint of {key}")
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
    _check_share("target.share", target.share)


def _splits(target: TargetConfig) -> list[str]:
    return [target.train_split, target.valid_split, *target.eval_splits]


def _check_training(key: str, training: TrainingConfig) -> None:
    if not training.config_dir or not training.config_name:
        raise XlplError(
            f"{key} does not say how to train",
            expected=f"{key}.config_dir and {key}.config_name, a YAML file of fairseq-hydra-train",
        )
    must_exist(Path(training.config_dir) / f"{training.config_name}.yaml", f"the YAML file of {key}")
    _one_of(f"{key}.checkpoint", training.checkpoint, CHECKPOINTS)
    _at_least(f"{key}.average", training.average, 1)
    _check_overrides(f"{key}.overrides", training.overrides)
    _check_length(key, training.lr, training.max_update)
    _check_weights(f"{key}.mix_weights", training.mix_weights, len(training.mix))
    for folder in training.mix:
        must_exist(Path(folder) / "train.ltr", f"a labelled prepared folder for {key}.mix")


def _check_phase(config: IterateConfig) -> None:
    phase = config.continuous
    _one_of("continuous.labelled", phase.labelled, LABELLED)
    _one_of("continuous.label_with", phase.label_with, (GREEDY, LM))
    _one_of("continuous.replacement", phase.replacement, ("", *REPLACEMENTS))
    _one_of("continuous.teacher", phase.teacher, ("", *TEACHERS))
    _at_least("continuous.beam", phase.beam, 1)
    for key, least in (("warm_up", 0), ("cache_size", 1), ("labelled_updates", 0), ("unlabelled_updates", 1)):
        if (number := getattr(phase, key)) is not None:
            _at_least(f"continuous.{key}", number, least)
    for key in ("replace_prob", "dropout_scale", "layer_drop_scale"):
        if (factor := getattr(phase, key)) is not None and not 0 <= factor <= 1:
            raise XlplError(f"continuous.{key}={factor}", expected="a number from 0 to 1")
    training = phase_training(config)
    _check_training("continuous", training)
    _check_labelled_part(training)
    if phase.label_with == LM and not (config.decoder.lexicon or config.decoder.lm):
        raise XlplError(
            "continuous.label_with=lm, but the decoder has neither lexicon nor LM",
            expected="decoder.lexicon and decoder.lm",
            remedy="set them, or set continuous.label_with=greedy",
        )


def _check_labelled_part(phase: ContinuousConfig) -> None:
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
        if change.init:
            _one_of(f"{key}: init", change.init, INITS)
        _check_overrides(f"{key}: overrides", change.overrides)
        if change.checkpoint:
            _one_of(f"{key}: checkpoint", change.checkpoint, CHECKPOINTS)
        if change.share:
            _check_share(f"{key}: share", change.share)
        if change.tune and not config.tuning.enabled:
            raise XlplError(f"{key}: tune=true, but tuning.enabled=false", expected="tuning.enabled=true")
        _check_length(key, change.lr, change.max_update)
        if change.mix_weights:
            _check_weights(f"{key}: mix_weights", change.mix_weights, len(config.student.mix))


def _check_overrides(key: str, overrides: Iterable[str]) -> None:
    for override in overrides:
        name = override.partition("=")[0].lstrip("+~")
        if "=" not in override and not override.startswith("~"):
            raise XlplError(
                f"{key}: {override!r} has no '='", expected="key=value, such as optimization.max_update=4000"
            )
        if name in _OWNED:
            raise XlplError(f"{key}: {name} is set by the driver", expected="another key", remedy="leave it out")


def _check_weights(key: str, weights: list[float], folders: int) -> None:
    if len(weights) != folders or any(not 0 < weight < float("inf") for weight in weights):
        raise XlplError(f"{key}={weights}", expected=f"one number above 0 for each of the {folders} folders of mix")


def _check_length(key: str, lr: float, max_update: int) -> None:
    if not 0 <= lr < float("inf"):
        raise XlplError(f"{key}: lr={lr}", expected="a learning rate above 0, or 0 for that of the YAML file")
    _at_least(f"{key}: max_update", max_update, 0)


def _check_share(key: str, share: float) -> None:
    if not 0 < share <= 1:
        raise XlplError(f"{key}={share}", expected="a share above 0 and at most 1")


def _one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise XlplError(f"{key}={value!r}", expected=f"one of {', '.join(known)}")


def _at_least(key: str, value: int, least: int) -> None:
    if value < least:
        raise XlplError(f"{key}={value}", expected=f"a whole number of at least {least}")
