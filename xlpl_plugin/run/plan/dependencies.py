"""Files from outside a run that its steps depend on: what they hold decides what a step gives."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.run.config import IterateConfig, TrainingConfig
from xlpl_plugin.tuning.weight_search import SearchConfig


def labelled_files(folder: str, *splits: str) -> tuple[str, ...]:
    """Return manifests and labels of a prepared folder."""
    return tuple(str(Path(folder) / f"{split}.{suffix}") for split in splits for suffix in ("tsv", "ltr"))


def training_files(training: TrainingConfig) -> tuple[str, ...]:
    """Return the YAML file of a training and the labelled data that it mixes in."""
    mixed = (file for folder in training.mix for file in labelled_files(folder, "train"))
    return (str(training.file), *mixed)


def composed_files(training: TrainingConfig) -> tuple[Path, ...]:
    """Return a YAML file and those that its ``defaults`` name, in their order: of a key, the last one's value holds."""
    folder, file = training.folder, training.file
    entries = OmegaConf.select(OmegaConf.load(file), "defaults") or []
    found = []
    for entry in entries:
        names = [entry] if isinstance(entry, str) else [f"{group}/{choice}" for group, choice in entry.items()]
        found += [file if name == "_self_" else folder / f"{name}.yaml" for name in names]
    return tuple(path for path in (*found, *(() if file in found else (file,))) if path.exists())


def decoder_files(decoder: DecoderConfig) -> tuple[str, ...]:
    return tuple(path for path in (decoder.lexicon, decoder.lm) if path)


def scoring_files(search: SearchConfig) -> tuple[str, ...]:
    return tuple(path for path in (search.scoring_lm, search.text) if path)


def source_folders(config: IterateConfig) -> list[str]:
    """Return all labelled folders that the rounds of a configuration learn from, each once."""
    trained = [source for source in (config.source, *config.voters) if source.data]
    folders = [folder for source in trained for folder in (source.data, *source.training.mix)]
    return list(dict.fromkeys([*folders, *config.student.mix]))
