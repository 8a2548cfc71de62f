"""Where in the utterance a frame stands: sinusoidal, CAPE and relative positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Sinusoidal(nn.Module):
    """Adds the sinusoids of "Attention is all you need", section 3.5."""

    rates: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer(
            "rates", torch.exp(torch.arange(0, dim, 2) * (-math.log(10_000.0) / dim)), persistent=False
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Add positions to (B, T, D)."""
        positions = torch.arange(x.shape[1], device=x.device, dtype=torch.float32).expand(x.shape[0], -1)
        return x + self.embed(positions).to(x.dtype)

    def embed(self, positions: Tensor) -> Tensor:
        """Embed (B, T) real positions as (B, T, D)."""
        angles = positions.unsqueeze(-1) * self.rates.float()
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Cape(Sinusoidal):
    """Continuous augmented positional embeddings (arXiv 2106.03143).

    Positions are centred on the utterance; in training they are shifted for the whole utterance, moved a
    little each, and scaled, so that the model cannot rely on absolute places.
    """

    def __init__(self, dim: int, global_shift: float = 30.0, local_shift: float = 0.5, scale: float = 1.1) -> None:
        super().__init__(dim)
        self.global_shift, self.local_shift, self.log_scale = global_shift, local_shift, math.log(scale)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        batch, time, _ = x.shape
        centre = (lengths.float() - 1).unsqueeze(1) / 2
        positions = torch.arange(time, device=x.device, dtype=torch.float32).unsqueeze(0) - centre
        if self.training:
            shift = _uniform((batch, 1), self.global_shift, x)
            jitter = _uniform((batch, time), self.local_shift, x)
            positions = (positions + shift + jitter) * _uniform((batch, 1), self.log_scale, x).exp()
        return x + self.embed(positions).to(x.dtype)


def _uniform(shape: tuple[int, ...], bound: float, like: Tensor) -> Tensor:
    return (torch.rand(shape, device=like.device) * 2 - 1) * bound


class RelativeBias(nn.Module):
    """Learned embeddings of the distance between query and key (arXiv 1803.02155), one table a layer.

    Distances beyond ``max_distance`` frames share the table's ends.
    """

    def __init__(self, head_dim: int, max_distance: int = 64) -> None:
        super().__init__()
        self.max_distance = max_distance
        self.table = nn.Parameter(torch.randn(2 * max_distance + 1, head_dim) * 0.02)

    def forward(self, query: Tensor) -> Tensor:
        """Turn (B, H, T, head_dim) queries into (B, H, T, T) additions to the attention logits, already scaled."""
        time = query.shape[2]
        scores = query @ self.table.to(query.dtype).T / math.sqrt(query.shape[-1])
        place = torch.arange(time, device=query.device)
        distance = (place.unsqueeze(0) - place.unsqueeze(1)).clamp(-self.max_distance, self.max_distance)
        index = (distance + self.max_distance).expand(*scores.shape[:2], time, time)
        return scores.gather(-1, index)
