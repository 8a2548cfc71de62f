"""A made-up corpus: a lexicon of random words, recordings that do not exist, and stored log-probs of such words."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.units import LETTERS, SPECIAL_SYMBOLS, WORD_BOUNDARY, letters_line
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import LogProbs
from xlpl_plugin.emissions.source import Emission, Window
from xlpl_plugin.emissions.stored import SUFFIX, EmissionFacts, write_shard
from xlpl_plugin.files import write_lines
from xlpl_plugin.shards.store import ShardStore, divide

UNITS = (*SPECIAL_SYMBOLS, *LETTERS)
_FRAME_SAMPLES = 640
_WORDS = 2000
_PATTERNS = 500
_SHARD_SIZE = 2000
# probability of what is said in a frame
_SHARPNESS = 0.95


class Pattern(NamedTuple):
    words: list[str]
    log_probs: LogProbs

    @property
    def samples(self) -> int:
        return len(self.log_probs) * _FRAME_SAMPLES


def make(folder: Path, utterances: int) -> None:
    """Write ``lexicon.txt``, the split ``data/train``, its transcripts ``references`` and its ``emissions``."""
    patterns = make_patterns(write_lexicon(folder / "lexicon.txt"), most_words=3)
    said = [patterns[zlib.crc32(str(number).encode()) % len(patterns)] for number in range(utterances)]
    rows = tuple(
        Utterance(f"{number // 1000:03d}/{number:06d}.flac", pattern.samples) for number, pattern in enumerate(said)
    )
    write_manifest(folder / "data", "train", Manifest(folder / "audio", rows))
    transcribed = (
        replace(row, words=" ".join(pattern.words), units=letters_line(pattern.words))
        for row, pattern in zip(rows, said, strict=True)
    )
    write_manifest(folder / "references", "train", Manifest(folder / "audio", tuple(transcribed)))
    log_probs = {row.id: pattern.log_probs for row, pattern in zip(rows, said, strict=True)}
    store_emissions(folder / "emissions", rows, lambda row: log_probs[row.id])


def write_lexicon(file: Path) -> list[str]:
    """Write random words with their spellings, and return them."""
    drawn = random.Random(1)
    words = sorted({"".join(drawn.choices("aeiouklmnprst", k=drawn.randint(2, 6))) for _ in range(_WORDS)})
    write_lines(file, (f"{word}\t{' '.join(word)} {WORD_BOUNDARY}" for word in words))
    return words


def store_emissions(folder: Path, rows: Sequence[Utterance], log_probs: Callable[[Utterance], LogProbs]) -> None:
    """Write the log-probs of each row, in the form of ``emit``."""
    settings = {"am": "0" * 64, "window_seconds": 30.0}
    shards = divide(rows, _SHARD_SIZE)
    store = ShardStore.open(folder, settings, len(shards), EmissionFacts(units=tuple(UNITS)), suffix=SUFFIX)
    for number in range(len(shards)):
        write_shard(store, number, map(_emission, shards[number], map(log_probs, shards[number])), len(shards[number]))


def _emission(row: Utterance, log_probs: LogProbs) -> Emission:
    return Emission(row, log_probs, (Window(len(log_probs), 0.0, row.seconds),))


def make_patterns(words: list[str], most_words: int) -> list[Pattern]:
    """Return the log-probs of one word each, or of up to so many: a frame a letter, a blank after it."""
    drawn, noise = random.Random(2), np.random.default_rng(2)
    patterns = []
    for _ in range(_PATTERNS):
        said = drawn.choices(words, k=drawn.randint(1, most_words))
        letters = "".join(word + WORD_BOUNDARY for word in said)
        path = [index for letter in letters for index in (UNITS.index(letter), 0)]
        probabilities = noise.dirichlet(np.ones(len(UNITS)), size=len(path)) * (1 - _SHARPNESS)
        probabilities[np.arange(len(path)), path] += _SHARPNESS
        patterns.append(Pattern(said, np.log(np.maximum(probabilities, 1e-12)).astype(np.float32)))
    return patterns
