"""Acoustic encoders to compare: ours, fairseq's speech transformer (s2t) and torchaudio's Conformer, with like sizes.

All take the same waveforms through the same log-mel features and SpecAugment, and give logits for CTC.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from xlpl_plugin.audio.features import LogMel, normalize_utterance, num_frames
from xlpl_plugin.audio.specaugment import SpecAugment
from xlpl_plugin.models.encoder import AcousticEncoder, EncoderConfig

SIZES = ("tiny", "small", "base", "paper")
_MODELS = Path(__file__).parents[1] / "config" / "model"


def size(name: str, **changes: Any) -> EncoderConfig:
    """Read a size of ``config/model``, without what leaves out layers or bends time: each update is the same work."""
    options = yaml.safe_load((_MODELS / f"{name}.yaml").read_text())
    known = {key: value for key, value in options.items() if key not in ("defaults", "_name")}
    return replace(EncoderConfig(**known), **{"layer_drop": 0.0, "stretch_low": 1.0, "stretch_high": 1.0, **changes})


class Front(nn.Module):
    """The features of our encoder, for the others."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(config.num_mels, (config.vocal_tract_low, config.vocal_tract_high))
        self.specaugment = SpecAugment(
            config.freq_masks, config.freq_width, config.time_masks, config.time_width, config.time_share
        )

    def forward(self, source: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (B, T) samples into (B, F, num_mels) features and (B,) frames."""
        features, lengths = self.log_mel(source), num_frames(num_samples)
        valid = torch.arange(features.shape[1], device=source.device) < lengths.unsqueeze(1)
        return self.specaugment(normalize_utterance(features, valid), lengths), lengths


class S2t(nn.Module):
    """The encoder of fairseq's ``s2t_transformer``: two convolutions of stride 2, then a transformer."""

    def __init__(self, config: EncoderConfig, units: int, layers: int) -> None:
        from fairseq.models.speech_to_text.s2t_transformer import S2TTransformerEncoder, base_architecture

        super().__init__()
        options = Namespace(
            input_feat_per_channel=config.num_mels,
            conv_channels=2 * config.dim,
            encoder_embed_dim=config.dim,
            encoder_ffn_embed_dim=config.ffn_dim,
            encoder_layers=layers,
            encoder_attention_heads=config.heads,
            encoder_normalize_before=config.pre_norm,
            dropout=config.dropout,
            attention_dropout=config.attention_dropout,
            max_source_positions=10_000,
        )
        base_architecture(options)
        self.front, self.encoder = Front(config), S2TTransformerEncoder(options)
        self.output = nn.Linear(config.dim, units)

    def forward(self, source: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (B, T) samples into (B, T', units) logits and (B,) frames."""
        features, lengths = self.front(source, num_samples)
        hidden = self.encoder(features, lengths)["encoder_out"][0].transpose(0, 1)
        for _ in range(2):
            lengths = torch.div(lengths - 1, 2, rounding_mode="floor") + 1
        return self.output(hidden).float(), lengths


class Conformer(nn.Module):
    """torchaudio's Conformer behind our subsampling convolution; it has no subsampling of its own."""

    def __init__(self, config: EncoderConfig, units: int, layers: int) -> None:
        from torchaudio.models import Conformer as Layers

        super().__init__()
        self.front, self.stride = Front(config), config.stride
        self.subsample = nn.Conv1d(config.num_mels, 2 * config.dim, kernel_size=7, stride=config.stride, padding=3)
        kernel = config.conv_kernel or 15
        self.encoder = Layers(config.dim, config.heads, config.ffn_dim, layers, kernel, dropout=config.dropout)
        self.output = nn.Linear(config.dim, units)

    def forward(self, source: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (B, T) samples into (B, T', units) logits and (B,) frames."""
        features, lengths = self.front(source, num_samples)
        hidden = nn.functional.glu(self.subsample(features.transpose(1, 2)), dim=1).transpose(1, 2)
        lengths = torch.div(lengths + self.stride - 1, self.stride, rounding_mode="floor")
        hidden, lengths = self.encoder(hidden, lengths)
        return self.output(hidden).float(), lengths


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def alike(build: Callable[[EncoderConfig, int, int], nn.Module], config: EncoderConfig, units: int) -> nn.Module:
    """Build another encoder of ``config``'s width, with as many layers as bring it nearest to our parameters."""
    with torch.device("meta"):
        wanted = parameters(AcousticEncoder(config, units))
        one, two = (parameters(build(config, units, layers)) for layers in (1, 2))
    return build(config, units, max(1, round((wanted - one) / (two - one)) + 1))
