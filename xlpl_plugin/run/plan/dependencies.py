"""Files from outside a run that its steps depend on: what they hold decides what a step gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.run.config import IterateConfig, TrainingConfig
from xlpl_plugin.tuning.weight_search import SearchConfig


def labelled_files(folder: str, *splits: str) -> tuple[str, ...]:
    """Return manifests and labels of a prepared folder."""
    return tuple(str(Path(folder) / f"{split}.{suffix}") for split in splits for suffix in ("tsv", "ltr"))


def training_files(training: TrainingConfig) -> tuple[str, ...]:
    """Return the YAML files of a training but those of models, the labelled data that it mixes in, and its encoder."""
    mixed = (file for folder in training.mix for file in labelled_files(folder, "train"))
    composed = (file for file in composed_files(training) if file != training.file and file.parent.name != "model")
    return (str(training.file), *mixed, *map(str, composed), *encoder_files(training))


def encoder_files(training: TrainingConfig) -> tuple[str, ...]:
    """Return the pre-trained encoder that a training's overrides name, where they name one."""
    encoder = override(training, "model.w2v_path")
    return (encoder,) if encoder else ()


def override(training: TrainingConfig, key: str) -> str | None:
    """Return what the last override of a key sets, as text without quotation marks; None where there is none."""
    for entry in reversed(training.overrides):
        name, _, value = entry.partition("=")
        if name.lstrip("+") == key:
            return value.strip("'\"")
    return None


def composed_files(training: TrainingConfig) -> tuple[Path, ...]:
    """Return a YAML file and those that its ``defaults`` name, in their order: of a key, the last one's value holds."""
    folder, file = training.folder, training.file
    entries = OmegaConf.select(OmegaConf.load(file), "defaults") or []
    names = [name for entry in entries for name in _defaults(entry)]
    found = [file if name == "_self_" else folder / f"{name}.yaml" for name in names]
    return tuple(path for path in (*found, *(() if file in found else (file,))) if path.exists())


def _defaults(entry: str | Mapping[str, Any]) -> list[str]:
    """Return the names in an entry of ``defaults``: train, {model: tiny} or {override phase: [continuous, ssl]}."""
    if isinstance(entry, str):
        return [entry]
    choices = [(group, [choice] if isinstance(choice, str) else choice) for group, choice in entry.items()]
    return [f"{group.removeprefix('override ')}/{name}" for group, chosen in choices for name in chosen]


def decoder_files(decoder: DecoderConfig) -> tuple[str, ...]:
    return tuple(path for path in (decoder.lexicon, decoder.lm) if path)


def scoring_files(search: SearchConfig) -> tuple[str, ...]:
    return tuple(path for path in (search.scoring_lm, search.text) if path)


def source_folders(config: IterateConfig) -> list[str]:
    """Return all labelled folders that the rounds of a configuration learn from, each once."""
    trained = [source for source in (config.source, *config.voters) if source.data]
    folders = [folder for source in trained for folder in (source.data, *source.training.mix)]
    return list(dict.fromkeys([*folders, *config.student.mix]))
