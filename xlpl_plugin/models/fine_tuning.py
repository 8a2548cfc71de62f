"""The encoder of a ``wav2vec_ctc`` whose training begins: a pre-trained file, or that of the model it starts from.

Also the adapter in its layers, which fairseq wants to be told of for every batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fairseq.models.wav2vec.wav2vec2 import TransformerSentenceEncoderWithAdapterLayer
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import nn

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.models.checkpoint import write_weights
from xlpl_plugin.models.plain_model import State

# how fairseq's error begins where task.normalize is not the encoder's
_NOT_NORMALIZED = "Fine-tuning works best when data normalization is the same"

# of an encoder's architecture, what fairseq takes from the training's options all the same
_ADAPTER_OPTIONS = ("layer_type", "adp_num", "adp_dim", "adp_act_fn", "adp_trf_idx")


@contextmanager
def encoder_to_build(cfg: DictConfig, init_from: str, start: State | None) -> Iterator[None]:
    """While it lasts, fairseq can build the encoder that ``cfg`` asks for. Other models are left alone.

    fairseq reads the architecture from ``w2v_path``, and sets there what the training has otherwise (masks, dropout,
    layer drop). Where that is empty, it reads a file without weights that says of the encoder what the acoustic model
    to start from says of its own; ``initialize`` copies the weights.

    Args:
        cfg: options of the model.
        init_from: the acoustic model to start from; '' if there is none.
        start: what it holds.

    Raises:
        XlplError: no encoder named, or its file is missing; it takes waveforms with another ``task.normalize``.
    """
    if "w2v_path" not in cfg.keys():  # noqa: SIM118 (what is ??? is no member, but a key)
        yield
        return
    named = "" if OmegaConf.is_missing(cfg, "w2v_path") else cfg.w2v_path
    try:
        if named:
            must_exist(named, "a pre-trained encoder (model.w2v_path)")
            yield
        else:
            with _without_weights(cfg, init_from, start):
                yield
    except AssertionError as error:
        if not str(error).startswith(_NOT_NORMALIZED):
            raise
        raise XlplError(
            f"takes waveforms with task.normalize={str(not cfg.normalize).lower()}",
            file=named or init_from,
            expected="the same in pre-training, fine-tuning and all rounds",
            remedy=f"set task.normalize={str(not cfg.normalize).lower()}",
        ) from error


@contextmanager
def _without_weights(cfg: DictConfig, init_from: str, start: State | None) -> Iterator[None]:
    encoder = _encoder_of(start, init_from)
    former = {name: cfg.get(name) for name in ("w2v_path", "no_pretrained_weights")}
    with TemporaryDirectory(prefix="xlpl-") as folder, open_dict(cfg):
        file = Path(folder) / "encoder.pt"
        write_weights({"cfg": encoder}, {}, file, origin=init_from)
        cfg.update({"w2v_path": str(file), "no_pretrained_weights": True})
        cfg.update({name: encoder["model"][name] for name in _ADAPTER_OPTIONS if name in encoder["model"]})
        try:
            yield
        finally:
            cfg.update({**former, "w2v_path": ""})


def _encoder_of(start: State | None, init_from: str) -> dict[str, Any]:
    """Return the configuration of an acoustic model's encoder."""
    if start is None:
        raise XlplError(
            "model.w2v_path is empty, and there is no task.init_from",
            expected="a pre-trained encoder, or an acoustic model that has one",
            remedy="set model.w2v_path=ENCODER to begin with its weights, or task.init_from=AM to go on from an "
            "acoustic model (xlpl import huggingface writes both)",
        )
    model = (start.get("cfg") or {}).get("model") or {}
    encoder = model.get("w2v_args") if isinstance(model, dict) else None
    if not isinstance(encoder, dict) or not {"model", "task"} <= encoder.keys():
        raise XlplError(
            "does not say how its encoder is built",
            file=init_from,
            expected="an acoustic model of wav2vec_ctc, trained with fairseq 0.12 or later",
            remedy="start from one, or name the encoder that it was fine-tuned from: model.w2v_path=ENCODER",
        )
    return encoder


def choose_only_adapter(model: nn.Module) -> None:
    """Let a model that has one adapter in a layer use it, where a batch does not name one (``corpus_key``)."""
    for module in model.modules():
        if isinstance(module, TransformerSentenceEncoderWithAdapterLayer) and module.adapter_num == 1:
            module.register_forward_pre_hook(_first, with_kwargs=True)


def _first(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return inputs, {"corpus_key": [0], **named}
