"""What a user may set about a run of rounds. No key takes a reference: a run cannot see one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labels.filters import FilterConfig
from xlpl_plugin.labels.search import SearchConfig

INITS = ("source", "previous", "scratch")
CHECKPOINTS = ("last", "best", "average")
# value of filter.other: the labels of the round before
PREVIOUS = "previous"
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
)


@dataclass
class TrainingConfig:
    """How fairseq-hydra-train is called: one of its YAML files and overrides of it."""

    # folder of the YAML files
    config_dir: str = ""
    # name of the YAML file, without .yaml
    config_name: str = ""
    # key=value as for fairseq-hydra-train, such as optimization.max_update=4000
    overrides: list[str] = field(default_factory=list)
    # labelled prepared folders whose train split is mixed in (task.mix), usually the sources
    mix: list[str] = field(default_factory=list)
    # for each of them the share of it drawn each epoch: 0.5 half of its rows, 2.0 each row twice
    mix_weights: list[float] = field(default_factory=list)
    # the trained model is: last (checkpoint), best (by the loss on held-out labels), average (of the last ones)
    checkpoint: str = "last"
    # with checkpoint=average: how many of the last saved checkpoints
    average: int = 5


@dataclass
class StudentConfig(TrainingConfig):
    """Training of every round's student."""

    # a student starts from: source (the source AM), previous (the AM that labelled), scratch (random weights)
    init: str = "source"


@dataclass
class RoundChanges:
    """What one round does otherwise than `student` says."""

    # the round meant, from 1
    round: int = MISSING
    # as in student; empty: no change
    init: str = ""
    # added after the student's
    overrides: list[str] = field(default_factory=list)
    # replace the student's; empty: no change
    mix_weights: list[float] = field(default_factory=list)


@dataclass
class SourceConfig:
    """Where the source acoustic model comes from: a checkpoint, or labelled data to train it on."""

    # a trained fairseq checkpoint; then nothing else here matters
    checkpoint: str = ""
    # labelled prepared folder with train and valid (more folders: training.mix)
    data: str = ""
    # how it is trained on that
    training: TrainingConfig = field(default_factory=TrainingConfig)


@dataclass
class TargetConfig:
    """The target language's audio. Only the .tsv files are read; transcripts beside them are not opened."""

    # prepared folder
    data: str = MISSING
    # labelled in each round; the students learn from it
    train_split: str = "train"
    # labelled as well, and used for the validation loss alone
    valid_split: str = "valid"
    # labelled after each round for a later 'xlpl score'; they decide nothing
    eval_splits: list[str] = field(default_factory=list)


@dataclass
class TuningConfig:
    """Choice of LM weight and word score without labels, on the target's train split."""

    # false: the decoder's own weights in every round
    enabled: bool = True
    # true: once more in every round; false: at round 0 only, and kept
    every_round: bool = True
    # what is searched
    search: SearchConfig = field(default_factory=SearchConfig)


@dataclass
class IterateConfig:
    """A run: source AM -> labels of the target -> student -> its labels -> next student."""

    # run directory; the same command resumes there
    out: str = MISSING
    # number of students; round 0 is the source AM's labelling
    rounds: int = 3
    # the acoustic model that labels first
    source: SourceConfig = field(default_factory=SourceConfig)
    # what is labelled
    target: TargetConfig = field(default_factory=TargetConfig)
    # lexicon, LM and beam; the weights here are used where tuning is off
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    # the decoder's weights, chosen without labels
    tuning: TuningConfig = field(default_factory=TuningConfig)
    # which labels the students learn from; here other is a folder of labels for each
    # split (another run's round-3/labels), or `previous`, the round before's (round 0 goes without)
    filter: FilterConfig = field(default_factory=FilterConfig)
    # training of the students
    student: StudentConfig = field(default_factory=StudentConfig)
    # exceptions for single rounds
    changes: list[RoundChanges] = field(default_factory=list)
    # decoding processes
    workers: int = 1
    # seconds of audio the acoustic model takes at a time when it labels
    max_seconds: float = 120.0
    # device that labels: cpu, cuda, cuda:1 (training takes what fairseq's configuration says)
    device: str = "cpu"
    # how the trainer is started; empty: the fairseq-hydra-train beside this Python
    train_command: list[str] = field(default_factory=list)


def check(config: IterateConfig) -> None:
    """Refuse what cannot run before anything is written.

    Raises:
        XlplError: values that do not fit together, or a file that is missing.
    """
    config.decoder.check()
    _at_least("rounds", config.rounds, 0)
    _at_least("workers", config.workers, 1)
    _check_source(config.source)
    _check_target(config.target)
    config.filter.check()
    config.tuning.search.check()
    files = {
        "a lexicon": config.decoder.lexicon,
        "a KenLM model": config.decoder.lm,
        "a KenLM model that judges": config.tuning.search.judge,
        "normalised text of the target": config.tuning.search.text,
        "an n-gram model over units": config.filter.letters_lm,
        "a lexicon of known words": config.filter.vocabulary,
    }
    for what, path in files.items():
        if path:
            must_exist(path, what)
    if config.filter.other not in ("", PREVIOUS):
        for split in _splits(config.target):
            must_exist(Path(config.filter.other) / split, "other labels, a folder for each split")
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


def _check_source(source: SourceConfig) -> None:
    if bool(source.checkpoint) == bool(source.data):
        raise XlplError(
            "the source AM is given twice" if source.data else "no source AM",
            expected="either source.checkpoint, or source.data and source.training",
        )
    if source.checkpoint:
        must_exist(source.checkpoint, "the source AM's checkpoint")
        return
    for split in ("train", "valid"):
        for suffix in ("tsv", "ltr"):
            must_exist(Path(source.data) / f"{split}.{suffix}", "labelled source data prepared by 'xlpl prepare'")
    _check_training("source.training", source.training)


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
    if not training.config_dir or not training.config_name:
        raise XlplError(
            f"{key} does not say how to train",
            expected=f"{key}.config_dir and {key}.config_name, a YAML file of fairseq-hydra-train",
        )
    must_exist(Path(training.config_dir) / f"{training.config_name}.yaml", f"the YAML file of {key}")
    _one_of(f"{key}.checkpoint", training.checkpoint, CHECKPOINTS)
    _at_least(f"{key}.average", training.average, 1)
    _check_overrides(f"{key}.overrides", training.overrides)
    _check_weights(f"{key}.mix_weights", training.mix_weights, len(training.mix))
    for folder in training.mix:
        must_exist(Path(folder) / "train.ltr", f"a labelled prepared folder for {key}.mix")


def _check_changes(config: IterateConfig) -> None:
    numbers = [change.round for change in config.changes]
    for change in config.changes:
        key = f"changes (round {change.round})"
        if not 1 <= change.round <= config.rounds or numbers.count(change.round) > 1:
            raise XlplError(f"{key} cannot be used", expected=f"each round from 1 to {config.rounds} at most once")
        if change.init:
            _one_of(f"{key}: init", change.init, INITS)
        _check_overrides(f"{key}: overrides", change.overrides)
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


def _one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise XlplError(f"{key}={value!r}", expected=f"one of {', '.join(known)}")


def _at_least(key: str, value: int, least: int) -> None:
    if value < least:
        raise XlplError(f"{key}={value}", expected=f"a whole number of at least {least}")


def changes_of(config: IterateConfig, number: int) -> RoundChanges:
    return next((change for change in config.changes if change.round == number), RoundChanges(round=number))
