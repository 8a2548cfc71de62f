"""fairseq's wav2vec 2.0 with an adapter in each layer, when there is one: it wants to be told which for every batch."""

from __future__ import annotations

from typing import Any

from fairseq.models.wav2vec.wav2vec2 import TransformerSentenceEncoderWithAdapterLayer
from torch import nn


def choose_only_adapter(model: nn.Module) -> None:
    """Let a model that has one adapter in a layer use it, where a batch does not name one (``corpus_key``)."""
    for module in model.modules():
        if isinstance(module, TransformerSentenceEncoderWithAdapterLayer) and module.adapter_num == 1:
            module.register_forward_pre_hook(_first, with_kwargs=True)


def _first(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return inputs, {"corpus_key": [0], **named}
