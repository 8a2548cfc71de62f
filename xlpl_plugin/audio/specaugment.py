"""SpecAugment (arXiv 1904.08779): masks over frequency and time, drawn for each utterance."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SpecAugment(nn.Module):
    """Set masked channels and frames of normalised features to zero, their mean. Training only."""

    def __init__(
        self,
        freq_masks: int = 2,
        freq_width: int = 30,
        time_masks: int = 10,
        time_width: int = 50,
        time_share: float = 0.1,
    ) -> None:
        """Widths: the largest possible, in channels and frames; a time mask stays below ``time_share`` of its row."""
        super().__init__()
        self.freq_masks, self.freq_width = freq_masks, freq_width
        self.time_masks, self.time_width, self.time_share = time_masks, time_width, time_share

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Mask (B, F, C) features of (B,) frames."""
        if not self.training:
            return features
        batch, frames, channels = features.shape
        sizes = torch.full((batch,), channels, device=features.device)
        widest = torch.full((batch,), min(self.freq_width, channels), device=features.device)
        masked = _spans(self.freq_masks, channels, sizes, widest).unsqueeze(1)
        widest = (lengths * self.time_share).long().clamp(max=self.time_width)
        masked = masked | _spans(self.time_masks, frames, lengths, widest).unsqueeze(2)
        return features.masked_fill(masked, 0.0)


def _spans(count: int, axis: int, sizes: Tensor, widest: Tensor) -> Tensor:
    """(B, axis) booleans: ``count`` spans a row, each of width U{0..widest} inside the row's own size."""
    shape = (sizes.shape[0], count, 1)
    width = (torch.rand(shape, device=sizes.device) * (widest.view(-1, 1, 1) + 1)).long()
    start = (torch.rand(shape, device=sizes.device) * (sizes.view(-1, 1, 1) - width + 1)).long()
    position = torch.arange(axis, device=sizes.device)
    return ((position >= start) & (position < start + width)).any(dim=1)
