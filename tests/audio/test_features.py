"""Log-mel features, warps of the frequency axis, normalisation, SpecAugment."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from xlpl_plugin.audio.features import HOP, LogMel, mel_filters, normalize_utterance, num_frames, stretch_time
from xlpl_plugin.audio.specaugment import SpecAugment


def tone(hertz: float, samples: int = 16_000) -> Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(samples) / 16_000) * 0.5


def loudest(log_mel: Tensor) -> int:
    return int(log_mel.mean(dim=0).argmax())


def test_a_higher_tone_is_in_a_higher_channel() -> None:
    channels = [loudest(LogMel()(tone(hertz).unsqueeze(0))[0]) for hertz in (200, 500, 1000, 2000, 4000)]
    assert channels == sorted(set(channels))


def test_the_warp_moves_a_tone_as_another_vocal_tract_would() -> None:
    # a filterbank that lowers frequencies by 0.8 hears 1000 Hz where the plain one hears 800 Hz
    plain = LogMel()(tone(800).unsqueeze(0))[0]
    lowered = LogMel(vocal_tract_range=(0.79999, 0.80001)).train()(tone(1000).unsqueeze(0))[0]
    assert abs(loudest(plain) - loudest(lowered)) <= 1


@pytest.mark.parametrize("warp", [0.7, 1.0, 1.3])
def test_every_filter_hears_something(warp: float) -> None:
    filters = mel_filters(80, warp)
    assert filters.shape == (257, 80)
    assert (filters >= 0).all()
    assert (filters.sum(dim=0) > 0).all()


def test_number_of_frames_is_that_of_whole_windows() -> None:
    for samples in (0, 399, 400, 559, 560, 1234):
        frames = LogMel()(torch.zeros(1, samples)).shape[1]
        assert frames == num_frames(torch.tensor([samples])).item()


def test_normalisation_uses_own_frames_only() -> None:
    features = torch.randn(2, 50, 8) * 3 + 5
    valid = torch.arange(50) < torch.tensor([[50], [20]])
    normalised = normalize_utterance(features, valid)
    own = normalised[1, :20]
    torch.testing.assert_close(own.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(own.var(dim=0, unbiased=False), torch.ones(8), atol=1e-3, rtol=0)
    assert (normalised[1, 20:] == 0).all()


def test_stretching_keeps_the_course_of_the_features() -> None:
    ramp = torch.linspace(0, 1, 100).view(1, 100, 1).repeat(2, 1, 3)
    stretched, lengths = stretch_time(ramp, torch.tensor([100, 60]), 1.5)
    assert stretched.shape == (2, 150, 3)
    assert lengths.tolist() == [150, 90]
    torch.testing.assert_close(stretched[0, 75], torch.full((3,), 0.5), atol=0.01, rtol=0)


def test_specaugment_masks_within_its_bounds_and_only_in_training() -> None:
    torch.manual_seed(0)
    augment = SpecAugment(freq_masks=1, freq_width=10, time_masks=2, time_width=30, time_share=0.1)
    features, lengths = torch.ones(64, 200, 80), torch.full((64,), 200)
    masked = augment.train()(features, lengths)
    silent_frames = (masked == 0).all(dim=2).sum(dim=1)
    silent_channels = (masked == 0).all(dim=1).sum(dim=1)
    assert 0 < silent_frames.max() <= 2 * 20  # a tenth of 200 frames, not 30
    assert 0 < silent_channels.max() <= 10
    assert torch.equal(augment.eval()(features, lengths), features)


def test_features_are_float32_in_a_half_precision_model() -> None:
    assert LogMel().to(torch.float16)(tone(440).half().unsqueeze(0)).dtype == torch.float32
    assert LogMel()(torch.zeros(2, HOP)).shape == (2, 0, 80)


@pytest.mark.parametrize("bounds", [(1.1, 0.9), (0.1, 1.0), (1.0, 3.0)])
def test_impossible_warps_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="vocal_tract_range"):
        LogMel(vocal_tract_range=bounds)
