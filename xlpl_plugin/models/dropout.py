"""Dropout that is cheap on the CPU, where torch's own takes a seventh of a training step of a small model."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_LEVELS = 256


class Dropout(nn.Module):
    """As ``torch.nn.Dropout``, with the probability rounded to 1/256 and one random byte an element.

    torch draws 64 random bits an element on the CPU, one after the other; here one draw serves eight elements.
    On other devices torch's dropout is used as it stands.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
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
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self._dropped_levels
        return x * (kept * (_LEVELS / (_LEVELS - self._dropped_levels))).to(x.dtype)

    def extra_repr(self) -> str:
        return f"p={self._dropped_levels}/{_LEVELS}"
