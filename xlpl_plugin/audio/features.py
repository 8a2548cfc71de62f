"""Log-mel features as a torch module: the first layers of the acoustic model, on its device."""

from __future__ import annotations

import math

import torch
import torchaudio
from torch import Tensor, nn

from xlpl_plugin.audio import SAMPLE_RATE

WINDOW = 400  # 25 ms
HOP = 160  # 10 ms
FFT_BINS = 257


def num_frames(num_samples: Tensor) -> Tensor:
    """Count the frames that lie wholly inside the recording, so that none of them ever sees padding."""
    return ((num_samples - WINDOW) // HOP + 1).clamp(min=0)


class LogMel(nn.Module):
    """Waveform to log-mel filterbank energies, in float32 whatever the precision of the rest.

    In training, ``vocal_tract_range`` draws for each utterance a warp of the frequency axis, which moves
    pitch and formants as another vocal tract would: the cheap way to more voices.
    """

    _WARPS = 33
    window: Tensor
    filters: Tensor
    warped_filters: Tensor

    def __init__(self, num_mels: int = 80, vocal_tract_range: tuple[float, float] = (1.0, 1.0)) -> None:
        super().__init__()
        self.num_mels = num_mels
        low, high = vocal_tract_range
        if not 0.5 <= low <= high <= 2.0:
            raise ValueError(f"vocal_tract_range {vocal_tract_range}: expected 0.5 <= low <= high <= 2")
        self.augmenting = low < high
        self.register_buffer("window", torch.hann_window(WINDOW, periodic=False), persistent=False)
        self.register_buffer("filters", mel_filters(num_mels, 1.0), persistent=False)
        warps = [low + (high - low) * i / (self._WARPS - 1) for i in range(self._WARPS)] if self.augmenting else []
        bank = torch.stack([mel_filters(num_mels, warp) for warp in warps]) if warps else torch.empty(0)
        self.register_buffer("warped_filters", bank, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Turn (B, T) samples in [-1, 1] into (B, F, num_mels); F = 0 for less than 25 ms."""
        with torch.autocast(waveform.device.type, enabled=False):
            waveform = waveform.float()
            if waveform.shape[1] < WINDOW:
                return waveform.new_zeros(waveform.shape[0], 0, self.num_mels)
            frames = waveform.unfold(1, WINDOW, HOP)
            frames = (frames - frames.mean(dim=-1, keepdim=True)) * self.window.float()
            power = torch.fft.rfft(frames, n=2 * (FFT_BINS - 1)).abs().square()
            filters = self.filters.float()
            if self.training and self.augmenting:
                draw = torch.randint(self._WARPS, (waveform.shape[0],), device=waveform.device)
                filters = self.warped_filters.float()[draw]
            return torch.matmul(power, filters).clamp(min=1e-9).log()


def mel_filters(num_mels: int, warp: float) -> Tensor:
    """Return (FFT_BINS, num_mels) triangular filters; ``warp`` < 1 lowers the formants that they see.

    The warp is linear up to 7 kHz and bends from there so that the Nyquist frequency stays in place.
    """
    with torch.device("cpu"):  # a fixed table: it exists even where the model is built without memory (meta)
        return _mel_filters(num_mels, warp)


def _mel_filters(num_mels: int, warp: float) -> Tensor:
    nyquist = SAMPLE_RATE / 2
    filters = torchaudio.functional.melscale_fbanks(
        4 * FFT_BINS, 40.0, nyquist - 200.0, num_mels, SAMPLE_RATE, mel_scale="htk"
    )
    frequencies = torch.linspace(0, nyquist, FFT_BINS)
    knee = 7000.0 * min(1.0, 1.0 / warp)
    bent = knee * warp + (frequencies - knee) * (nyquist - knee * warp) / (nyquist - knee)
    warped = torch.where(frequencies <= knee, frequencies * warp, bent)
    # sample the finely computed triangles at the warped frequencies of the FFT bins
    position = warped / nyquist * (4 * FFT_BINS - 1)
    below = position.floor().long().clamp(max=4 * FFT_BINS - 2)
    part = (position - below).unsqueeze(1)
    return filters[below] * (1 - part) + filters[below + 1] * part


def normalize_utterance(features: Tensor, valid: Tensor, eps: float = 1e-5) -> Tensor:
    """Give each channel zero mean and unit variance over an utterance's own frames; padding becomes 0.

    Args:
        features: (B, F, C).
        valid: (B, F), true where a frame belongs to the utterance.
    """
    weight = valid.unsqueeze(-1).to(features.dtype)
    count = weight.sum(dim=1, keepdim=True).clamp(min=1.0)
    mean = (features * weight).sum(dim=1, keepdim=True) / count
    centred = (features - mean) * weight
    variance = centred.square().sum(dim=1, keepdim=True) / count
    return centred / torch.sqrt(variance + eps)


def stretch_time(features: Tensor, lengths: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Play (B, F, C) features ``factor`` times as long by linear interpolation; returns them and new lengths."""
    frames = max(1, math.floor(features.shape[1] * factor))
    stretched = nn.functional.interpolate(features.transpose(1, 2), size=frames, mode="linear").transpose(1, 2)
    new_lengths = (lengths.to(torch.float64) * frames / features.shape[1]).floor().long()
    return stretched, new_lengths.clamp(max=frames)
