"""Checkpoints of tiny untrained models, as fairseq writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models import build_model
from omegaconf import OmegaConf

import xlpl_plugin.registry  # noqa: F401
from xlpl_plugin.tasks.asr import AsrConfig, AsrTask

SIZE = {"dim": 16, "layers": 1, "heads": 2, "ffn_dim": 16, "num_mels": 16}


def _task(symbols: Sequence[str]) -> AsrTask:
    task = AsrTask(
        AsrConfig(
            data="/nowhere", seed=1, train_subset="train", finetune_from_model=None, restore_file="checkpoint_last.pt"
        )
    )
    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol)
    task.state.merge_state_dict({"target_dictionary": dictionary})
    return task


def _state(model_config: dict[str, Any], model: torch.nn.Module, task_config: dict[str, Any]) -> dict[str, Any]:
    empty = {"criterion": None, "lr_scheduler": None}
    return {
        "args": None,
        "cfg": {"model": model_config, "task": task_config, "common": {"seed": 1}, **empty},
        "model": model.state_dict(),
        "optimizer_history": [{"optimizer_name": "FairseqAdam", "lr_scheduler_state": {}, "num_updates": 1}],
        "extra_state": {"train_iterator": {"epoch": 1}},
    }


@pytest.fixture(scope="session")
def build() -> Callable[..., torch.nn.Module]:
    """A fresh model with the given units."""

    def make(symbols: Sequence[str], seed: int = 0, **options: Any) -> torch.nn.Module:
        torch.manual_seed(seed)
        return build_model(OmegaConf.create({"_name": "xlpl_transformer_ctc", **SIZE, **options}), _task(symbols))

    return make


@pytest.fixture(scope="session")
def save(build: Callable[..., torch.nn.Module]) -> Callable[..., Path]:
    """A checkpoint of a fresh model; ``changes`` replace top-level entries of it."""

    def write(
        path: Path, symbols: Sequence[str], seed: int = 0, changes: dict[str, Any] | None = None, **options: Any
    ) -> Path:
        model_config = {"_name": "xlpl_transformer_ctc", **SIZE, **options}
        state = _state(model_config, build(symbols, seed, **options), {"_name": "xlpl_asr", "data": "/nowhere"})
        state["task_state"] = _task(symbols).state_dict()
        torch.save({**state, **(changes or {})}, path)
        return path

    return write


@pytest.fixture(scope="session")
def save_wav2vec(write_pretrained: Callable[[Path], None]) -> Callable[[Path, Path, Sequence[str]], Path]:
    """A ``wav2vec_ctc`` checkpoint over a small random wav2vec 2.0, whose pre-trained file is then removed."""

    def write(path: Path, pretrained: Path, symbols: Sequence[str]) -> Path:
        write_pretrained(pretrained)
        config = OmegaConf.create({"_name": "wav2vec_ctc", "w2v_path": str(pretrained), "data": "/nowhere"})
        config.merge_with({"normalize": False, "ddp_backend": "no_c10d"})
        task = _task(symbols)
        torch.manual_seed(0)
        model = task.build_model(config)
        stored = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
        state = _state(stored, model, {"_name": "xlpl_asr", "data": "/nowhere"})  # type: ignore[arg-type]
        torch.save({**state, "task_state": task.state_dict()}, path)
        pretrained.unlink()
        return path

    return write
