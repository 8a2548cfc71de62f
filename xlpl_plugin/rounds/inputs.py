"""Files from outside a run that its steps depend on: what they hold decides what a step gives."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.labels.search import SearchConfig
from xlpl_plugin.rounds.options import TrainingConfig


def labelled_files(folder: str, *splits: str) -> tuple[str, ...]:
    """Return manifests and labels of a prepared folder."""
    return tuple(str(Path(folder) / f"{split}.{suffix}") for split in splits for suffix in ("tsv", "ltr"))


def training_files(training: TrainingConfig) -> tuple[str, ...]:
    """Return the YAML file of a training and the labelled data that it mixes in."""
    mixed = (file for folder in training.mix for file in labelled_files(folder, "train"))
    return (str(Path(training.config_dir) / f"{training.config_name}.yaml"), *mixed)


def decoder_files(decoder: DecoderConfig) -> tuple[str, ...]:
    return tuple(path for path in (decoder.lexicon, decoder.lm) if path)


def judge_files(search: SearchConfig) -> tuple[str, ...]:
    return tuple(path for path in (search.judge, search.text) if path)
