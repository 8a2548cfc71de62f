"""Words that a student does not hear: it learns from the stretches of each recording between the least sure words.

A label is seldom wrong throughout, and the confidence of a word tells well whether it is right
(docs/results/unsure-words.md).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.units import PIECE_MARK, WORD_BOUNDARY
from xlpl_plugin.data.utterances import Utterance, UtteranceColumns
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.records import LabelRecord, iter_labels

# before each piece that begins a word, and after each boundary that ends one
_BETWEEN_WORDS = re.compile(rf" (?={PIECE_MARK})|(?<={re.escape(WORD_BOUNDARY)}) ")


@dataclass(frozen=True)
class SureLabels:
    """Labels without their least sure words, a row for each stretch that is left.

    Attributes:
        words: how many there were.
        dropped: how many of them are gone.
        emptied: utterances of which nothing was left.
    """

    labels: Manifest
    words: int
    dropped: int
    emptied: int

    def told(self) -> str:
        """Return what was dropped, for people."""
        return (
            f"{self.dropped:,} of {self.words:,} words, the least sure ones, are not taught; "
            f"{len(self.labels.utterances):,} stretches are left, and nothing of {self.emptied:,} utterances"
        )


def drop_unsure_words(labels: Manifest, file: Path, share: float, below: float = 1.0) -> SureLabels:
    """Return the stretches between the ``share`` of all words whose confidence is lowest, and lower than ``below``.

    A stretch reaches halfway to the word that is dropped beside it.

    Args:
        labels: those that the filters kept.
        file: the labels.jsonl that they are from.
        share: at most so many, of 1.
        below: good labels have fewer such words than bad ones, so that less of them is lost.

    Raises:
        XlplError: labels without words' times or confidences.
    """
    confidences = array("d")
    for record in kept_labels(file):
        confidences.extend(record.word_confidences)
    known, count = np.asarray(confidences), int(len(confidences) * share)
    least = min(float(np.partition(known, count)[count]), below) if count else 0.0
    left = UtteranceColumns.packed(
        stretch
        for utterance, record in zip(labels.utterances, kept_labels(file), strict=True)
        for stretch in _stretches(utterance, record, least)
    )
    emptied = len(labels.utterances) - sum(1 for _ in groupby(left.paths))
    return SureLabels(Manifest(labels.root, left), len(known), int(np.count_nonzero(known < least)), emptied)


def kept_labels(file: Path) -> Iterator[LabelRecord]:
    """Yield the labels that the filters kept: those of the manifest beside the file, in its order.

    Raises:
        XlplError: a label without words' times or confidences.
    """
    for number, record in enumerate(iter_labels(file), start=1):
        if not record.kept:
            continue
        counts = {len(record.words), len(record.word_times), len(record.word_confidences), len(_spelled(record))}
        if len(counts) > 1:
            raise XlplError(
                f"the label of {record.id!r} does not say when each word is spoken and how sure it is",
                file=file,
                line=number,
                expected="word_times and word_confidences for each word",
                remedy="label anew, or set student.drop_unsure_words=0",
            )
        yield record


def _spelled(record: LabelRecord) -> list[str]:
    """Return the units of each word."""
    return _BETWEEN_WORDS.split(record.units) if record.units else []


def _stretches(utterance: Utterance, record: LabelRecord, least: float) -> Iterator[Utterance]:
    """Yield the runs of words of at least such confidence; the utterance as it is where all are."""
    sure = [confidence >= least for confidence in record.word_confidences]
    if all(sure):
        yield utterance
        return
    spelled, edges = _spelled(record), word_edges(utterance.num_samples, record)
    for is_sure, run in groupby(range(len(sure)), key=sure.__getitem__):
        places = list(run)
        first, last = places[0], places[-1]
        if is_sure and edges[first] < edges[last + 1]:
            words, units = record.words[first : last + 1], spelled[first : last + 1]
            stretch = (edges[first], edges[last + 1])
            yield replace(utterance, words=" ".join(words), units=" ".join(units), stretch=stretch)


def word_edges(samples: int, record: LabelRecord) -> list[int]:
    """Return where each word begins and the last one ends: halfway between neighbours, in samples."""
    halfway = [(before[1] + after[0]) / 2 for before, after in pairwise(record.word_times)]
    edges = np.array([0, *(round(second * SAMPLE_RATE) for second in halfway), samples])
    ascending: list[int] = np.maximum.accumulate(np.minimum(edges, samples)).tolist()
    return ascending
