"""Edit counts of each utterance, from jiwer's alignments, and their bootstrap over utterances."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from itertools import islice

import jiwer
import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]

_BLOCK = 1 << 22  # resampled utterances held in memory at a time
_ALIGNED = 5000  # utterances whose alignments are held in memory
_Align = Callable[[list[str], list[str]], jiwer.WordOutput | jiwer.CharacterOutput]


@dataclass(frozen=True)
class EditCounts:
    """Counts of N utterances, each field of shape (N,). ``length`` is the reference's number of tokens."""

    substitutions: Counts
    deletions: Counts
    insertions: Counts
    length: Counts

    @property
    def errors(self) -> Counts:
        return self.substitutions + self.deletions + self.insertions


def count_words(references: Iterable[str], hypotheses: Iterable[str]) -> EditCounts:
    return _count(jiwer.process_words, references, hypotheses)


def count_characters(references: Iterable[str], hypotheses: Iterable[str]) -> EditCounts:
    """Count as ``count_words`` does, but characters; the space between words is one of them."""
    return _count(jiwer.process_characters, references, hypotheses)


def count_unspaced(references: Iterable[str], hypotheses: Iterable[str]) -> EditCounts:
    """Count characters without the spaces between words, which there a segmenter put in, not a writer."""
    return count_characters(*((text.replace(" ", "") for text in texts) for texts in (references, hypotheses)))


def _count(align: _Align, references: Iterable[str], hypotheses: Iterable[str]) -> EditCounts:
    """Count some thousand utterances at a time: their alignments take much more memory than their counts."""
    pairs = zip(references, hypotheses, strict=True)
    parts: list[EditCounts] = []
    while block := list(islice(pairs, _ALIGNED)):
        parts.append(_from_alignments(align([pair[0] for pair in block], [pair[1] for pair in block])))
    columns = ([getattr(part, field.name) for part in parts] for field in fields(EditCounts))
    return EditCounts(*(np.concatenate([np.zeros(0, np.int64), *column]) for column in columns))


def _from_alignments(output: jiwer.WordOutput | jiwer.CharacterOutput) -> EditCounts:
    kinds = ("substitute", "delete", "insert")
    table = np.zeros((len(output.alignments), len(kinds)), dtype=np.int64)
    for row, chunks in enumerate(output.alignments):
        for chunk in chunks:
            if chunk.type in kinds:
                reference, hypothesis = chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx
                table[row, kinds.index(chunk.type)] += max(reference, hypothesis)
    length = np.array([len(reference) for reference in output.references], dtype=np.int64)
    return EditCounts(table[:, 0], table[:, 1], table[:, 2], length)


def bootstrap_rates(errors: Counts, lengths: Counts, *, resamples: int, seed: int) -> Rates:
    """Resample utterances with replacement, the same ones for every system, so that differences are paired.

    Args:
        errors: (S, N) errors of S systems on N utterances.
        lengths: (S, N) reference lengths.

    Returns:
        (S, resamples) error rates as fractions.
    """
    systems, utterances = errors.shape
    counts = np.concatenate([errors, lengths]).T.astype(np.float64)  # (N, 2S)
    generator = np.random.default_rng(seed)
    rates = np.empty((systems, resamples))
    block = max(1, _BLOCK // utterances)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = generator.integers(0, utterances, size=(rows, utterances))
        drawn += np.arange(rows)[:, None] * utterances
        times = np.bincount(drawn.ravel(), minlength=rows * utterances).reshape(rows, utterances)
        sums = times @ counts  # (rows, 2S)
        # a resample of nothing but empty references has no rate; 1 keeps it finite
        rates[:, start : start + rows] = (sums[:, :systems] / np.maximum(sums[:, systems:], 1)).T
    return rates
