"""A made-up corpus: a lexicon of random words, a manifest without audio, and log-probs of words of that lexicon.

``python synthetic.py FOLDER WORKERS`` labels it as ``xlpl label`` would, with log-probs that are made as they are
asked for instead of those of an acoustic model.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from xlpl_plugin.data.manifest import Manifest, Utterance, write_manifest
from xlpl_plugin.data.units import LETTERS, SPECIAL_SYMBOLS, WORD_BOUNDARY
from xlpl_plugin.decoding import DecoderConfig, LogProbs
from xlpl_plugin.files import write_lines
from xlpl_plugin.labels.emissions import Emission, Window

UNITS = (*SPECIAL_SYMBOLS, *LETTERS)
FRAME_SAMPLES = 640
_WORDS = 2000
_PATTERNS = 500
_SHARPNESS = 0.95


def make(folder: Path, utterances: int) -> None:
    """Write ``lexicon.txt`` and the manifest ``data/train.tsv`` of recordings that do not exist."""
    drawn = random.Random(1)
    words = sorted({"".join(drawn.choices("aeiouklmnprst", k=drawn.randint(2, 6))) for _ in range(_WORDS)})
    write_lines(folder / "lexicon.txt", (f"{word}\t{' '.join(word)} {WORD_BOUNDARY}" for word in words))
    patterns = _patterns(words)
    rows = (
        Utterance(f"{number // 1000:03d}/{number:06d}.flac", len(_of(patterns, number)) * FRAME_SAMPLES)
        for number in range(utterances)
    )
    write_manifest(folder / "data", "train", Manifest(folder / "audio", tuple(rows)))


class SyntheticEmissions:
    """Stands for stored log-probs: one of a few hundred patterns for each utterance, so that they take no memory."""

    am_sha256 = "0" * 64
    units = UNITS

    def __init__(self, folder: Path) -> None:
        lines = (folder / "lexicon.txt").read_text().splitlines()
        self._patterns = _patterns([line.partition("\t")[0] for line in lines])

    def stream(self, manifest: Manifest) -> Iterator[Emission]:
        for utterance in manifest.utterances:
            log_probs = _of(self._patterns, int(Path(utterance.path).stem))
            yield Emission(utterance, log_probs, (Window(len(log_probs), 0.0, utterance.seconds),))


def _of(patterns: list[LogProbs], number: int) -> LogProbs:
    return patterns[zlib.crc32(str(number).encode()) % len(patterns)]


def _patterns(words: list[str]) -> list[LogProbs]:
    """Return the log-probs of one to three words each: a frame a letter, a blank after it."""
    drawn, noise = random.Random(2), np.random.default_rng(2)
    patterns = []
    for _ in range(_PATTERNS):
        spelt = "".join(word + WORD_BOUNDARY for word in drawn.choices(words, k=drawn.randint(1, 3)))
        path = [index for letter in spelt for index in (UNITS.index(letter), 0)]
        rest = noise.dirichlet(np.ones(len(UNITS)), size=len(path)) * (1 - _SHARPNESS)
        rest[np.arange(len(path)), path] += _SHARPNESS
        patterns.append(np.log(np.maximum(rest, 1e-12)).astype(np.float32))
    return patterns


def label_corpus(folder: Path, workers: int) -> None:
    """Label the corpus in ``folder`` into ``folder/labels``."""
    from xlpl_plugin.labels import generator

    source = SyntheticEmissions(folder)
    generator.open_source = lambda config: source  # type: ignore[assignment]
    generator.label(
        generator.LabelConfig(
            emissions=str(folder / "none"),
            data=str(folder / "data"),
            out=str(folder / "labels"),
            workers=workers,
            decoder=DecoderConfig(lexicon=str(folder / "lexicon.txt"), beam=20),
        )
    )


if __name__ == "__main__":
    label_corpus(Path(sys.argv[1]), int(sys.argv[2]))
