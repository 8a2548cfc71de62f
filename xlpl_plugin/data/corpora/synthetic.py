"""Labelled formant speech of a source language, to widen the voices and spellings that a source AM has heard.

It is synthetic: a help in training, and no evidence about human speech.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.espeak import Voice, speak
from xlpl_plugin.audio.noise import add_noise
from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.data.items import Item
from xlpl_plugin.errors import XlplError
from xlpl_plugin.espeak.library import espeak_code
from xlpl_plugin.files import read_lines
from xlpl_plugin.text.wordlist import frequent_words, word_weight

VARIANTS = (*(f"m{i}" for i in range(1, 9)), *(f"f{i}" for i in range(1, 6)))
# a power below 1 flattens Zipf's law, so that rare words and their letters are heard as well
_FLATTEN = 0.4
_LONGEST_WORD = 16


@dataclass(frozen=True)
class Cast:
    """Who speaks in which part, and how noisily."""

    # espeak-ng's voice variants, such as m3 or klatt2
    voices: tuple[str, ...] = VARIANTS
    # voices of the test part alone; empty: those of the rest
    test_voices: tuple[str, ...] = ()
    # lowest and highest signal-to-noise ratio in decibels; None: no noise
    noise: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Raise ``XlplError`` for a cast that cannot be what was meant."""
        if shared := sorted(set(self.voices) & set(self.test_voices)):
            raise XlplError(f"voice {shared[0]} in training and in the test part", expected="test voices apart")
        if self.noise and self.noise[0] > self.noise[1]:
            raise XlplError(f"noise {self.noise}", expected="the lowest ratio in decibels, then the highest")


def phrases(language: str, seed: int, *, words: int = 20_000) -> Iterator[str]:
    """Yield phrases of 2 to 9 words drawn from the language's frequent words, without end.

    Raises:
        XlplError: wordfreq has no list of that language.
    """
    vocabulary = [word for word in frequent_words(language, words) if 1 < len(word) <= _LONGEST_WORD]
    weights = [word_weight(word, language) ** _FLATTEN for word in vocabulary]
    generator = random.Random(f"{language} {seed}")
    while True:
        yield " ".join(generator.choices(vocabulary, weights, k=generator.randint(2, 9)))


def sentences(file: Path, seed: int) -> Iterator[str]:
    """Yield the lines of a text in a shuffled order, once."""
    lines = [line for line in read_lines(file) if line.strip()]
    random.Random(seed).shuffle(lines)
    yield from lines


def synthesize(
    texts: Iterator[str],
    language: str,
    minutes: float,
    folder: Path,
    *,
    seed: int,
    cast: Cast | None = None,
    part_of: Callable[[str], str] = lambda text: "",
) -> list[Item]:
    """Speak texts in changing voices until there are ``minutes`` of speech; audio files go to ``folder``.

    Args:
        cast: by default ``Cast()``.
        part_of: text -> the part it must go to; needed for test voices.

    Raises:
        XlplError: the texts run out, or espeak-ng has no such voice.
    """
    cast = cast or Cast()
    generator = random.Random(f"{language} voices {seed}")
    noise = np.random.default_rng([seed, *language.encode()])
    wanted = round(minutes * 60 * SAMPLE_RATE)
    items: list[Item] = []
    with tqdm(total=round(minutes * 60), desc=f"espeak {language}", unit="s", disable=None) as progress:
        while wanted > 0:
            text = next(texts, None)
            if text is None:
                raise XlplError(
                    f"the text ends {wanted / SAMPLE_RATE / 60:.1f} minutes early",
                    remedy="give more text or fewer minutes",
                )
            part = part_of(text)
            variants = cast.test_voices if part == "test" and cast.test_voices else cast.voices
            samples = np.trim_zeros(speak(text, _draw_voice(language, variants, generator)))
            if not samples.size:
                continue
            if cast.noise:
                samples = add_noise(samples, noise.uniform(*cast.noise), noise)
            name = f"{language}-{len(items):05d}"
            write_audio(folder / f"{name}.flac", samples)
            items.append(Item(name, folder / f"{name}.flac", text, part))
            wanted -= samples.size
            progress.update(samples.size / SAMPLE_RATE)
    return items


def _draw_voice(language: str, variants: tuple[str, ...], generator: random.Random) -> Voice:
    return Voice(
        espeak_code(language),
        generator.choice(variants),
        words_per_minute=generator.randint(120, 190),
        pitch=generator.randint(20, 80),
        pitch_range=generator.randint(30, 80),
    )
