"""Microphones, lines and codecs lose what they should, and nothing moves in time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from xlpl_plugin.audio.augmentation import lines
from xlpl_plugin.audio.augmentation.lines import clip, compress, microphone, telephone

Effect = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def tone(hertz: float, size: int = 16_000) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(size) / 16_000)).astype(np.float32)


def speech(size: int = 16_001) -> np.ndarray:
    """Bursts of sweeps between 300 Hz and 3 kHz, so that a shift in time shows."""
    time = np.arange(size) / 16_000
    return (0.2 * np.sin(2 * np.pi * (400 + 900 * time) * time) * (np.sin(40 * time**1.5) > 0)).astype(np.float32)


def kept(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the power that is left, without the ends."""
    return float(np.mean(np.square(after[2_000:-2_000])) / np.mean(np.square(before[2_000:-2_000])))


def shift(before: np.ndarray, after: np.ndarray) -> int:
    """Samples by which ``after`` is late."""
    size = 2 * before.size
    match = np.fft.irfft(np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size)), size)
    late = int(match.argmax())
    return late if late < before.size else late - size


def only(monkeypatch: pytest.MonkeyPatch, codecs: str, chosen: tuple[object, ...]) -> None:
    monkeypatch.setattr(lines, codecs, (chosen,))


PHONE = [("telephone", "_PHONE_CODECS", codec) for codec in lines._PHONE_CODECS]
FILES = [("compress", "_FILE_CODECS", codec) for codec in lines._FILE_CODECS]


@pytest.mark.parametrize(("effect", "codecs", "codec"), [*PHONE, *FILES])
def test_a_codec_loses_a_little_and_keeps_time_and_length(
    effect: str, codecs: str, codec: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, codecs, codec)
    before = speech()
    after = getattr(lines, effect)(before, np.random.default_rng(1))
    assert (after.shape, after.dtype) == (before.shape, np.float32)
    assert abs(shift(before, after)) <= 2
    assert 0.8 < np.corrcoef(before, after)[0, 1] < 1 - 1e-6
    assert 0.6 < kept(before, after) < 1.2


def test_a_telephone_passes_its_band_alone() -> None:
    rng = np.random.default_rng(2)
    for _ in range(6):
        assert kept(tone(1_000), telephone(tone(1_000), rng)) > 0.8
        for hertz in (60, 4_500, 7_000):
            mixed = tone(1_000) + tone(hertz)
            power = np.abs(np.fft.rfft(telephone(mixed, rng)[:16_000])) ** 2
            assert power[hertz - 5 : hertz + 5].sum() < 0.05 * power[995:1_005].sum()


def test_quiet_calls_are_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "_PHONE_CODECS", ("WAV", "ALAW"))

    def error(level: float) -> float:
        monkeypatch.setattr(lines, "_PHONE_LEVEL", (level, level))
        first = telephone(speech(), np.random.default_rng(3))
        monkeypatch.setattr(lines, "_PHONE_CODECS", (("WAV", "FLOAT"),))
        plain = telephone(speech(), np.random.default_rng(3))
        only(monkeypatch, "_PHONE_CODECS", ("WAV", "ALAW"))
        return float(np.std(first - plain))

    assert error(-50) > 1.5 * error(0) > 0


def test_a_microphone_is_smooth_and_within_its_gain() -> None:
    click = np.zeros(4_000, np.float32)
    click[2_000] = 1
    for seed in range(10):
        response = microphone(click, 6, np.random.default_rng(seed))
        decibels = 20 * np.log10(np.abs(np.fft.rfft(response))[20:-20])
        assert np.abs(decibels).max() < 6.5
        assert np.ptp(decibels) > 2
        assert np.abs(np.diff(decibels)).max() < 1
    np.testing.assert_allclose(microphone(speech(), 0, np.random.default_rng(1)), speech(), atol=1e-5)


def test_clipping_cuts_peaks_and_nothing_else() -> None:
    before = speech()
    after = clip(before, np.random.default_rng(4))
    limit = np.abs(after).max()
    assert 0.1 * np.abs(before).max() <= limit <= 0.7 * np.abs(before).max()
    inside = np.abs(before) < limit
    np.testing.assert_array_equal(after[inside], before[inside])


@pytest.mark.parametrize("effect", [telephone, compress, clip, lambda samples, rng: microphone(samples, 6, rng)])
@pytest.mark.parametrize("size", [1, 2, 399, 12_345])
@pytest.mark.parametrize("height", [0.0, 1e-7, 1.0])
def test_odd_audio_stays_finite_and_as_long(effect: Effect, size: int, height: float) -> None:
    before = (height * np.random.default_rng(5).standard_normal(size)).astype(np.float32)
    for seed in range(4):
        after = effect(before, np.random.default_rng(seed))
        assert (after.shape, after.dtype) == (before.shape, np.float32)
        assert np.isfinite(after).all()
