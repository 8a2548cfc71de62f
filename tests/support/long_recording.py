"""A long recording of synthetic speech between silence, noise and music, and where the speech is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.espeak import Voice, speak

SENTENCES = (
    "the weather in the mountains is very good today",
    "please wait for the next available agent",
    "she bought seven apples and a loaf of bread at the market",
    "the committee decided that it would be better to meet again after the holidays",
)


@dataclass(frozen=True)
class LongRecording:
    """(T,) float32 samples at 16 kHz, and the ranges of samples that hold speech."""

    samples: npt.NDArray[np.float32]
    speech: list[tuple[int, int]]


def silence(seconds: float) -> npt.NDArray[np.float32]:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def noise(seconds: float, loudness: float = 0.02, seed: int = 0) -> npt.NDArray[np.float32]:
    samples = loudness * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))
    return samples.astype(np.float32)


def music(seconds: float, notes: Sequence[float] = (220.0, 277.2, 329.6)) -> npt.NDArray[np.float32]:
    """A chord that begins softly, and swells and fades twice a second."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    swell = np.minimum(1, 2 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * time))
    return (0.08 * swell * sum(np.sin(2 * np.pi * note * time) for note in notes)).astype(np.float32)


def say(text: str, language: str = "en-us", variant: str = "m3") -> npt.NDArray[np.float32]:
    """Speak, without the silence before and after."""
    samples = speak(text, Voice(language, variant, words_per_minute=150))
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def record(
    gaps: Sequence[npt.NDArray[np.float32]],
    language: str = "en-us",
    *,
    texts: Sequence[str] = SENTENCES,
    floor: float = 0.002,
) -> LongRecording:
    """Put a sentence, in changing voices, after each gap, and half a second of silence around it; noise below all."""
    parts: list[npt.NDArray[np.float32]] = []
    speech: list[tuple[int, int]] = []
    for number, gap in enumerate(gaps):
        spoken = say(texts[number % len(texts)], language, ("m1", "f2", "m3", "f4")[number % 4])
        parts += [gap, silence(0.5)]
        start = sum(map(len, parts))
        parts += [spoken, silence(0.5)]
        speech.append((start, start + len(spoken)))
    samples = np.concatenate(parts)
    return LongRecording(samples + noise(len(samples) / SAMPLE_RATE + 1, floor, seed=9)[: len(samples)], speech)
