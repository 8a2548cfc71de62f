"""Small real data that the tests of several rooms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.audio.reading import SAMPLE_RATE, write_audio
from xlpl_plugin.data.manifest import Manifest, Utterance, write_manifest
from xlpl_plugin.data.units import LETTERS, letters_line, write_units

MakeFolder = Callable[..., Path]


@pytest.fixture(scope="session")
def make_folder() -> MakeFolder:
    """A prepared folder. ``splits`` maps a split to its transcripts; each letter is a tone of its own of 0.12 s."""

    def make(
        folder: Path, splits: dict[str, Sequence[str]], symbols: Sequence[str] = LETTERS, *, labels: bool = True
    ) -> Path:
        for split, transcripts in splits.items():
            utterances = []
            for number, text in enumerate(transcripts):
                waveform = _tones(text, seed=number)
                write_audio(folder / "audio" / split / f"{number}.flac", waveform)
                units = letters_line(text.split()) if labels else None
                words = text if labels else None
                utterances.append(Utterance(f"{split}/{number}.flac", len(waveform), words, units))
            write_manifest(folder, split, Manifest(folder / "audio", tuple(utterances)))
        write_units(folder, symbols)
        return folder

    return make


def _tones(text: str, seed: int) -> np.ndarray:
    time = np.arange(int(0.12 * SAMPLE_RATE)) / SAMPLE_RATE
    pieces = [0.3 * np.sin(2 * np.pi * (200 + 150 * (ord(letter) % 12)) * time) for letter in text]
    waveform = np.concatenate(pieces)
    return (waveform + 0.01 * np.random.default_rng(seed).standard_normal(len(waveform))).astype(np.float32)
