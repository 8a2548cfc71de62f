"""The acoustic encoder of the paper: waveform -> log-mel -> convolution -> transformer -> logits of units.

Plain torch: fairseq meets it in ``transformer_ctc``.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from xlpl_plugin.audio.features import LogMel, normalize_utterance, num_frames, stretch_time
from xlpl_plugin.audio.specaugment import SpecAugment
from xlpl_plugin.models.dropout import Dropout
from xlpl_plugin.models.positions import Cape, RelativeBias, Sinusoidal

POSITIONS = ("sinusoidal", "cape", "relative")


# fairseq makes flags of the fields and needs types, not strings: no ``from __future__ import annotations`` here
@dataclass
class EncoderConfig:
    """Size and regularisation. The defaults are the ``tiny`` size, for training on a few CPU cores."""

    # log-mel channels
    num_mels: int = field(default=80, metadata={"help": "log-mel channels"})
    # feature frames (10 ms each) for one output frame
    stride: int = field(default=4, metadata={"help": "10 ms feature frames for one output frame: 2, 3 or 4"})
    # width of the transformer
    dim: int = field(default=256, metadata={"help": "width of the transformer"})
    layers: int = field(default=6, metadata={"help": "transformer layers"})
    heads: int = field(default=4, metadata={"help": "attention heads"})
    ffn_dim: int = field(default=1024, metadata={"help": "width of the feed-forward layers"})
    positions: str = field(default="cape", metadata={"help": "sinusoidal, cape or relative"})
    # reach of relative positions
    max_distance: int = field(default=64, metadata={"help": "frames on each side that relative positions tell apart"})
    pre_norm: bool = field(default=True, metadata={"help": "LayerNorm before (True) or after (False) each sublayer"})
    # 0 is the paper's plain transformer; 15 helps where audio is counted in minutes
    conv_kernel: int = field(default=0, metadata={"help": "kernel of a depthwise convolution in each layer; 0 = none"})
    dropout: float = field(default=0.1, metadata={"help": "dropout of sublayers and features"})
    # above 0 it rules out the fused attention kernel of the CPU
    attention_dropout: float = field(default=0.0, metadata={"help": "dropout of attention weights"})
    layer_drop: float = field(default=0.0, metadata={"help": "probability of leaving out a layer in training"})
    # voices: warp of the frequency axis drawn for each utterance
    vocal_tract_low: float = field(default=1.0, metadata={"help": "lowest frequency warp in training"})
    vocal_tract_high: float = field(default=1.0, metadata={"help": "highest frequency warp in training"})
    # tempo: duration factor drawn for each batch
    stretch_low: float = field(default=1.0, metadata={"help": "shortest duration factor in training"})
    stretch_high: float = field(default=1.0, metadata={"help": "longest duration factor in training"})
    freq_masks: int = field(default=2, metadata={"help": "SpecAugment: frequency masks"})
    freq_width: int = field(default=30, metadata={"help": "SpecAugment: widest frequency mask, in channels"})
    time_masks: int = field(default=10, metadata={"help": "SpecAugment: time masks"})
    time_width: int = field(default=50, metadata={"help": "SpecAugment: widest time mask, in 10 ms frames"})
    time_share: float = field(default=0.1, metadata={"help": "SpecAugment: widest time mask, share of an utterance"})


class AcousticEncoder(nn.Module):
    """Waveforms to logits over units. Padding never changes an utterance's output."""

    def __init__(self, config: EncoderConfig, num_units: int) -> None:
        super().__init__()
        if config.positions not in POSITIONS:
            raise ValueError(f"positions={config.positions!r}: expected one of {', '.join(POSITIONS)}")
        if config.stride not in (1, 2, 3, 4):
            raise ValueError(f"stride={config.stride}: expected 1, 2, 3 or 4")
        self.config, self.layer_drop = config, config.layer_drop
        self.features = LogMel(config.num_mels, (config.vocal_tract_low, config.vocal_tract_high))
        self.specaugment = SpecAugment(
            config.freq_masks, config.freq_width, config.time_masks, config.time_width, config.time_share
        )
        self.subsample = nn.Conv1d(config.num_mels, 2 * config.dim, kernel_size=7, stride=config.stride, padding=3)
        self.dropout = Dropout(config.dropout)
        absolute = {"sinusoidal": Sinusoidal, "cape": Cape}.get(config.positions)
        self.positions = absolute(config.dim) if absolute else None
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.final_norm = nn.LayerNorm(config.dim) if config.pre_norm else nn.Identity()
        self.output = nn.Linear(config.dim, num_units)

    def forward(self, source: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits.

        Args:
            source: (B, T) samples in [-1, 1], padded at the end.
            num_samples: (B,) samples of each utterance.

        Returns:
            (B, T', num_units) float32 logits and (B,) frames of each utterance.
        """
        features, lengths = self._features(source, num_samples)
        hidden, lengths = self._subsample(features.to(self.output.weight.dtype), lengths)
        valid = _valid(lengths, hidden.shape[1])
        for layer in self.layers:
            if self.training and self.layer_drop and _uniform() < self.layer_drop:
                continue
            hidden = layer(hidden, valid)
        return self.output(self.final_norm(hidden)).float(), lengths

    def _features(self, source: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(source)
        lengths = num_frames(num_samples)
        features = normalize_utterance(features, _valid(lengths, features.shape[1]))
        if self.training and self.config.stretch_low < self.config.stretch_high and features.shape[1]:
            factor = _uniform(self.config.stretch_low, self.config.stretch_high)
            features, lengths = stretch_time(features, lengths, factor)
            features = features * _valid(lengths, features.shape[1]).unsqueeze(-1)
        return self.specaugment(features, lengths), lengths

    def _subsample(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if not features.shape[1]:
            return features.new_zeros(features.shape[0], 0, self.config.dim), lengths
        hidden = nn.functional.glu(self.subsample(features.transpose(1, 2)), dim=1).transpose(1, 2)
        lengths = torch.div(lengths + self.config.stride - 1, self.config.stride, rounding_mode="floor")
        if self.positions is not None:
            hidden = self.positions(hidden, lengths)
        return self.dropout(hidden), lengths


class EncoderLayer(nn.Module):
    """Self-attention, optionally a depthwise convolution, and a feed-forward layer, each with a residual."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.dropout = Dropout(config.dropout)
        sublayers: list[nn.Module] = [SelfAttention(config)]
        if config.conv_kernel:
            sublayers.append(DepthwiseConvolution(config.dim, config.conv_kernel))
        sublayers.append(FeedForward(config))
        self.sublayers = nn.ModuleList(sublayers)
        self.norms = nn.ModuleList(nn.LayerNorm(config.dim) for _ in sublayers)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Turn (B, T, D) frames and (B, T) booleans into (B, T, D)."""
        for sublayer, norm in zip(self.sublayers, self.norms, strict=True):
            if self.pre_norm:
                x = x + self.dropout(sublayer(norm(x), valid))
            else:
                x = norm(x + self.dropout(sublayer(x, valid)))
        return x


class SelfAttention(nn.Module):
    """Multi-head attention over an utterance's own frames."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.heads, self.attention_dropout = config.heads, config.attention_dropout
        self.query_key_value = nn.Linear(config.dim, 3 * config.dim)
        self.out = nn.Linear(config.dim, config.dim)
        relative = config.positions == "relative"
        self.relative = RelativeBias(config.dim // config.heads, config.max_distance) if relative else None

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        batch, time, dim = x.shape
        split = self.query_key_value(x).view(batch, time, 3, self.heads, dim // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mask = valid[:, None, None, :]
        if self.relative is not None:
            mask = self.relative(query).masked_fill(~mask, torch.finfo(query.dtype).min)
        dropout = self.attention_dropout if self.training else 0.0
        attended = _attend(query, key, value, mask, dropout)
        # an utterance without frames attends to nothing: SDPA gives NaN there, which must not reach the gradient
        attended = attended.masked_fill(~valid.any(dim=1)[:, None, None, None], 0.0)
        return self.out(attended.transpose(1, 2).reshape(batch, time, dim))


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """Return softmax(query key^T / sqrt(D) + mask) value; (B, H, T, D), and a mask of booleans or of what is added.

    Where the fused kernel of the CPU learns in bfloat16, it takes three times as long as its products do.
    """
    if query.device.type != "cpu" or query.dtype == torch.float32 or not query.requires_grad:
        return nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
    if mask.dtype == torch.bool:
        # not -inf: of nothing but padding the softmax is NaN then, and so is its gradient
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill(~mask, torch.finfo(query.dtype).min)
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2) + mask
    return nn.functional.dropout(scores.softmax(dim=-1), dropout) @ value


class DepthwiseConvolution(nn.Module):
    """The convolution module of the Conformer (arXiv 2005.08100, section 2.2), with LayerNorm for BatchNorm."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"conv_kernel={kernel}: expected an odd number")
        self.expand = nn.Linear(dim, 2 * dim)
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        x = nn.functional.glu(self.expand(x), dim=-1) * valid.unsqueeze(-1)
        return self.out(nn.functional.silu(self.norm(self._convolved(x))))

    def _convolved(self, x: Tensor) -> Tensor:
        """Filter each channel of (B, T, D) over time; as a picture of one row: on the CPU a third of the time."""
        layer = self.depthwise
        picture, filters = x.transpose(1, 2).unsqueeze(2), layer.weight.unsqueeze(2)
        padding = (0, layer.kernel_size[0] // 2)
        made = nn.functional.conv2d(picture, filters, layer.bias, padding=padding, groups=layer.groups)
        return made.squeeze(2).transpose(1, 2)


class FeedForward(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.dim, config.ffn_dim)
        self.dropout = Dropout(config.dropout)
        self.out = nn.Linear(config.ffn_dim, config.dim)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        return self.out(self.dropout(nn.functional.gelu(self.expand(x))))


def _valid(lengths: Tensor, frames: int) -> Tensor:
    """(B, frames) booleans, true for the utterance's own frames."""
    return torch.arange(frames, device=lengths.device) < lengths.unsqueeze(1)


def _uniform(low: float = 0.0, high: float = 1.0) -> float:
    """Draw from torch's generator: fairseq seeds that one for each update, so that a resumed run goes on alike."""
    return low + (high - low) * torch.rand(()).item()
