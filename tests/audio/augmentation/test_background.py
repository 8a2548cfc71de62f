"""What is mixed behind speech is what it is called, as loud as it was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from xlpl_plugin.audio.augmentation.background import babble, hum, steady_noise
from xlpl_plugin.audio.noise import add_noise, mix


def tone(hertz: float, size: int, height: float = 0.1) -> np.ndarray:
    return (height * np.sin(2 * np.pi * hertz * np.arange(size) / 16_000)).astype(np.float32)


@pytest.mark.parametrize("decibels", [-3.0, 10.0, 25.0])
def test_a_mixture_has_the_ratio_that_was_asked_for(decibels: float) -> None:
    speech, noise = tone(300, 16_000), steady_noise(16_000, np.random.default_rng(1))
    added = mix(speech, noise, decibels).astype(np.float64) - speech
    assert 20 * np.log10(np.std(speech) / np.std(added)) == pytest.approx(decibels, abs=0.05)


def test_a_mixture_stays_within_full_scale() -> None:
    mixed = mix(tone(300, 16_000, 0.9), tone(1_000, 16_000), 0)
    assert 0.9 < np.abs(mixed).max() < 1


def test_silence_is_no_noise() -> None:
    speech = tone(300, 100)
    np.testing.assert_array_equal(mix(speech, np.zeros(100), 5), speech)
    assert not mix(np.zeros(100, np.float32), tone(300, 100), 5).any()


def test_noise_of_synthetic_speech_is_what_it_always_was() -> None:
    noisy = add_noise(tone(300, 1_000), 10, np.random.default_rng(7))
    np.testing.assert_allclose(noisy[[1, 500, 999]], [0.01243537, 0.02977924, -0.10221981], atol=1e-7)


def test_colours_of_noise_differ() -> None:
    rng = np.random.default_rng(2)
    spectra = [np.abs(np.fft.rfft(steady_noise(15_999, rng))) ** 2 for _ in range(30)]
    slopes = [np.log(power[3_000:].mean() / power[30:300].mean()) for power in spectra]
    assert max(slopes) > -1
    assert min(slopes) < -5


@pytest.mark.parametrize("seed", range(4))
def test_hum_is_mains_and_overtones_alone(seed: int) -> None:
    power = np.abs(np.fft.rfft(hum(16_000, np.random.default_rng(seed)))) ** 2
    shares = [power[mains : 10 * mains + 1 : mains].sum() / power.sum() for mains in (50, 60)]
    assert max(shares) == pytest.approx(1)


def test_hum_goes_on_without_a_seam() -> None:
    long = hum(7_777, np.random.default_rng(3))
    assert long.shape == (7_777,)
    assert np.abs(np.diff(long)).max() == pytest.approx(np.abs(np.diff(long[:1_600])).max())


def test_babble_is_of_several_others_who_are_equally_loud() -> None:
    rng = np.random.default_rng(4)
    others = iter([tone(400, 5_000, 0.5), tone(700, 40_000, 0.01), *(tone(1_100, 9_000) for _ in range(2))])
    power = np.abs(np.fft.rfft(babble(16_000, lambda _: next(others), rng))) ** 2
    near = [power[hertz - 20 : hertz + 20].sum() / power.sum() for hertz in (400, 700)]
    assert near[0] == pytest.approx(near[1], rel=0.2)
    assert min(near) > 0.2
