"""Rooms as they were asked for: how long they ring, how loud beside the direct sound, and speech stays in its place."""

from __future__ import annotations

import numpy as np
import pytest

from xlpl_plugin.audio.augmentation.rooms import impulse_response, reverberate


def seconds_of_60_decibels(response: np.ndarray) -> float:
    """Measure as a room acoustician: Schroeder's backward integral, the slope from -5 to -25 dB."""
    energy = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    level = 10 * np.log10(energy / energy[0])
    inside = np.flatnonzero((level < -5) & (level > -25))
    slope = np.polyfit(inside / 16_000, level[inside], 1)[0]
    return float(-60 / slope)


@pytest.mark.parametrize("rt60", [0.2, 0.4, 0.7])
def test_a_room_rings_as_long_as_it_should(rt60: float) -> None:
    rng = np.random.default_rng(1)
    found = [seconds_of_60_decibels(impulse_response(rt60, -20, rng)) for _ in range(20)]
    # high frequencies die away sooner
    assert 0.6 * rt60 < np.median(found) <= 1.05 * rt60


@pytest.mark.parametrize("direct", [-5.0, 0.0, 12.0])
def test_direct_sound_is_first_and_so_much_louder(direct: float) -> None:
    response = impulse_response(0.3, direct, np.random.default_rng(2)).astype(np.float64)
    energy = np.square(response)
    assert energy.sum() == pytest.approx(1)
    assert 10 * np.log10(energy[0] / energy[1:].sum()) == pytest.approx(direct, abs=0.01)


def test_high_frequencies_die_away_sooner() -> None:
    rng = np.random.default_rng(3)
    half = [np.abs(np.fft.rfft(impulse_response(0.6, -20, rng)[4_000:8_000])) for _ in range(20)]
    spectrum = np.mean(half, axis=0)
    assert spectrum[1_000:].mean() < 0.7 * spectrum[20:400].mean()


def test_speech_stays_where_it_is_and_keeps_its_loudness() -> None:
    rng = np.random.default_rng(4)
    click = np.zeros(8_000, np.float32)
    click[1_000] = 0.5
    heard = reverberate(click, impulse_response(0.4, 3, rng))
    assert (heard.shape, heard.dtype) == (click.shape, np.float32)
    assert np.abs(heard[:1_000]).max() < 1e-6
    assert np.abs(heard).argmax() == 1_000
    speech = rng.standard_normal(32_000).astype(np.float32)
    heard = reverberate(speech, impulse_response(0.4, 3, rng))
    assert np.std(heard) == pytest.approx(np.std(speech), rel=0.1)


def test_a_room_without_any_sound_of_its_own_changes_nothing() -> None:
    click = np.ones(10, np.float32)
    np.testing.assert_allclose(
        reverberate(click, impulse_response(0.001, 0, np.random.default_rng(5))), click, rtol=1e-6
    )
