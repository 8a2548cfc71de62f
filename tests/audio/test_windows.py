"""Cutting long recordings: nothing is lost, nothing is too long, and cuts lie in pauses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.windows import cut_at_silence


def noise(seconds: float, level: float = 0.3, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


@pytest.mark.parametrize("longest", [0.5, 0.0, -3.0, float("nan")])
def test_windows_too_short_for_speech_are_refused(longest: float) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        cut_at_silence(noise(2), longest)


@settings(max_examples=60)
@given(samples=st.integers(0, 40 * SAMPLE_RATE), longest=st.floats(1.0, 12.0), seed=st.integers(0, 3))
def test_windows_tile_the_recording(samples: int, longest: float, seed: int) -> None:
    waveform = noise(40, seed=seed)[:samples]
    windows = cut_at_silence(waveform, longest)
    assert windows[0][0] == 0
    assert windows[-1][1] == samples
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    lengths = [end - start for start, end in windows]
    assert max(lengths) <= longest * SAMPLE_RATE
    if len(windows) > 1:
        assert min(lengths) >= int(longest * SAMPLE_RATE) // 4
        assert min(lengths[:-1]) >= int(longest * SAMPLE_RATE) // 2


@settings(max_examples=40)
@given(pause=st.floats(5.2, 9.8), length=st.floats(0.25, 0.4), level=st.sampled_from([0.0, 0.01]))
def test_the_cut_lies_in_the_pause(pause: float, length: float, level: float) -> None:
    waveform = noise(17)
    start, end = int(pause * SAMPLE_RATE), int((pause + length) * SAMPLE_RATE)
    waveform[start:end] = noise(17, level)[start:end]
    (_, cut), *_ = cut_at_silence(waveform, 10.0)
    assert min(start + 0.09 * SAMPLE_RATE, 9.9 * SAMPLE_RATE) <= cut <= end - 0.09 * SAMPLE_RATE


def test_a_short_dip_is_no_pause() -> None:
    waveform = noise(17)
    waveform[8 * SAMPLE_RATE : 8 * SAMPLE_RATE + 800] = 0  # 50 ms, as before a plosive
    waveform[6 * SAMPLE_RATE : 6 * SAMPLE_RATE + 4000] *= 0.1
    (_, cut), *_ = cut_at_silence(waveform, 10.0)
    assert 6.0 < cut / SAMPLE_RATE < 6.25


def test_loud_recording_without_a_pause_is_cut_all_the_same() -> None:
    assert len(cut_at_silence(np.ones(65 * SAMPLE_RATE, np.float32), 10.0)) >= 7
