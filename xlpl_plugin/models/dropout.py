"""Dropout that is cheap on the CPU, where torch's own takes a seventh of a training step of a small model.

And the dropout of any model of fairseq, made weaker in the course of a training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_LEVELS = 256
# attributes that hold a probability where no module of its own drops: of our modules and of wav2vec 2.0's
_DROPOUTS, _LAYER_DROPS = ("dropout", "attention_dropout"), ("layer_drop", "layerdrop")


class Dropout(nn.Module):
    """As ``torch.nn.Dropout``, with the probability rounded to 1/256 and one random byte an element.

    torch draws 64 random bits an element on the CPU, one after the other; here one draw serves eight elements.
    On other devices torch's dropout is used as it stands.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.set_probability(probability)

    def set_probability(self, probability: float) -> None:
        if not 0 <= probability < 1:
            raise ValueError(f"dropout {probability}: expected at least 0 and less than 1")
        self.probability = probability
        self._dropped_levels = min(round(probability * _LEVELS), _LEVELS - 1)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self._dropped_levels:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.probability)
        words = torch.empty(math.ceil(x.numel() / 8), dtype=torch.int64).random_(-(2**63), None)
        levels = words.view(torch.uint8)[: x.numel()].view(x.shape).to(x.dtype)  # bfloat16 has all bytes exactly
        kept = levels.sub_(self._dropped_levels - 1).clamp_(0, 1)
        return x * kept.mul_(_LEVELS / (_LEVELS - self._dropped_levels))

    def extra_repr(self) -> str:
        return f"p={self._dropped_levels}/{_LEVELS}"


def scale_dropout(model: nn.Module, dropout: float, layer_drop: float) -> None:
    """Multiply each probability of dropping a value, and of leaving out a layer, by a factor between 0 and 1.

    The model's configuration, and so what a checkpoint says of it, stays as it is.
    """
    from fairseq.modules import FairseqDropout  # here, so that the encoder itself is plain torch
    from fairseq.modules.layer_drop import LayerDropModuleList

    for module in model.modules():
        if isinstance(module, Dropout):
            module.set_probability(module.probability * dropout)
        elif isinstance(module, nn.Dropout | FairseqDropout):
            module.p *= dropout
        elif isinstance(module, LayerDropModuleList):
            module.p *= layer_drop
        for names, factor in ((_DROPOUTS, dropout), (_LAYER_DROPS, layer_drop)):
            for name in names:
                if isinstance(value := getattr(module, name, None), float):
                    setattr(module, name, value * factor)
