"""How students are trained that start from a model which somebody brought: built as it is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

# a third of what fairseq fine-tunes large encoders with, and their batch in samples
_RATE, _BATCH = 0.00003, 1_280_000


class StudentTraining(NamedTuple):
    """A YAML file of fairseq-hydra-train, and what is overridden of it; lr 0: as other students have it."""

    config_name: str
    overrides: list[str]
    lr: float = 0.0


def student_training(source_model: Path, max_tokens: int) -> StudentTraining:
    """Return the training of students that start from a checkpoint.

    Args:
        source_model: of ``xlpl_transformer_ctc`` or ``wav2vec_ctc``.
        max_tokens: samples in a batch that suit this machine.

    Raises:
        XlplError: as ``read_checkpoint``.
    """
    from xlpl_plugin.models.checkpoint import read_checkpoint  # takes seconds, and most runs train a source AM
    from xlpl_plugin.models.encoder import EncoderConfig

    config = read_checkpoint(source_model).get("cfg") or {}
    model, task = config.get("model") or {}, config.get("task") or {}
    if model.get("_name") == "wav2vec_ctc":
        normalize = f"task.normalize={str(bool(task.get('normalize'))).lower()}"
        return StudentTraining("ssl", [normalize, f"dataset.max_tokens={min(max_tokens, _BATCH)}"], _RATE)
    other = {name: model[name] for name, value in asdict(EncoderConfig()).items() if model.get(name, value) != value}
    sizes = [f"model.{name}={value}" for name, value in other.items()]
    return StudentTraining("train", ["model=transformer_ctc", *sizes, f"dataset.max_tokens={max_tokens}"])
