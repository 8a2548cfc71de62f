"""Which utterances are most worth a native speaker's time: submodular selection (Wei et al., ICASSP 2014).

An utterance is a bag of words and of sequences of three units, each as heavy as the doubt of its place: the share of
the run's words that are at least as sure as the word there. A set of utterances is worth the sum, over these features,
of the square root of the weight that it gathers there, times the logarithm of how many utterances have the feature:
what is doubtful and recurs is worth most, and each further example of it less. The greedy choice by gain for a second
of audio is near the best such set. Nothing but labels is looked at.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.units import WORD_BOUNDARY
from xlpl_plugin.decoding.hypothesis import word_spans
from xlpl_plugin.labelling.records import LabelRecord

# the least sure words that a reason names
_NAMED = 3
RANDOM = "drawn at random"


@dataclass(frozen=True)
class Picked:
    """An utterance to correct: duration of its audio, its label, how sure that is (0 to 1), and why it was picked."""

    id: str
    seconds: float
    words: tuple[str, ...]
    confidence: float
    reason: str


@dataclass(frozen=True)
class _Candidate:
    """An utterance with the numbers of its features and their weights, at first place by place: how sure each is."""

    picked: Picked
    features: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]


def choose_utterances(records: Iterable[LabelRecord], seconds: float) -> list[Picked]:
    """Return utterances of at most ``seconds`` of audio in sum, the most useful first; the same for any order.

    Utterances with an error are never picked. Those in which the model heard nothing, not even a unit, come after all
    others, the longest first: some hide speech, most hold none. Memory: about 2 KB an utterance.
    """
    numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))
    found = [_candidate(record, numbers) for record in records if not record.error]
    words = [one.weights[: len(one.picked.words)] for one in found]  # these come before the sequences
    ranked = np.sort(np.concatenate([np.zeros(0, np.float32), *words]))
    candidates = [_weighed(one, ranked) for one in found]
    spread = np.zeros(len(numbers))
    for candidate in candidates:
        spread[candidate.features] += 1
    return _greedy(candidates, np.log2(1 + spread), seconds)


def _weighed(found: _Candidate, ranked: npt.NDArray[np.float32]) -> _Candidate:
    """Return each feature once, with the doubts of its places; ``ranked`` holds the confidences of all words."""
    doubts = 1 - np.searchsorted(ranked, found.weights) / max(len(ranked), 1)
    features, first, places = np.unique(found.features, return_index=True, return_inverse=True)
    order = np.argsort(first)  # as they stand in the label, so that sums do not depend on the order of the records
    weights = np.bincount(places, doubts, len(features)).astype(np.float32)
    return _Candidate(found.picked, features[order], weights[order])


def draw_utterances(records: Iterable[LabelRecord], seconds: float, seed: int) -> list[Picked]:
    """Return utterances drawn at random, of at most ``seconds`` in sum: what a choice is to be compared with."""
    drawn = [_picked(record, RANDOM) for record in records if not record.error]
    drawn.sort(key=lambda one: hashlib.sha256(f"{seed}/{one.id}".encode()).digest())
    return _within(drawn, seconds)


def _greedy(candidates: Sequence[_Candidate], worth: npt.NDArray[np.float64], seconds: float) -> list[Picked]:
    """Take the highest gain for the cost again and again; gains only fall, so an old one is an upper bound."""
    gathered = np.zeros(len(worth))

    def entry(number: int) -> tuple[float, float, str, int]:
        one = candidates[number]
        before = gathered[one.features]
        gain = float((worth[one.features] * (np.sqrt(before + one.weights) - np.sqrt(before))).sum())
        return -gain / one.picked.seconds, -one.picked.seconds, one.picked.id, number

    heap, left, chosen = [entry(number) for number in range(len(candidates))], seconds, []
    heapq.heapify(heap)
    while heap:
        number = heapq.heappop(heap)[-1]
        if (one := candidates[number]).picked.seconds > left:
            continue
        if heap and (again := entry(number)) > heap[0]:
            heapq.heappush(heap, again)
            continue
        gathered[one.features] += one.weights
        left -= one.picked.seconds
        chosen.append(one.picked)
    return chosen


def _within(ordered: Iterable[Picked], seconds: float) -> list[Picked]:
    """Return those that fit into what is left of the time when their turn comes."""
    chosen = []
    for one in ordered:
        if one.seconds <= seconds:
            seconds -= one.seconds
            chosen.append(one)
    return chosen


def _candidate(record: LabelRecord, numbers: defaultdict[str, int]) -> _Candidate:
    names, sure = zip(*_places(record), strict=True) if record.words or record.greedy else ((), ())
    features = np.fromiter((numbers[name] for name in names), np.int32, len(names))
    return _Candidate(_picked(record, _reason(record)), features, np.array(sure, np.float32))


def _picked(record: LabelRecord, reason: str) -> Picked:
    return Picked(record.id, record.seconds, record.words, record.confidence, reason)


def _places(record: LabelRecord) -> Iterator[tuple[str, float]]:
    """Yield feature and confidence of each word, then of each unit with its neighbours.

    Of an empty label these are the units that the acoustic model heard by itself; nobody can be less sure of them.
    """
    confidences = _confidences(record)
    yield from zip((f"word {word}" for word in record.words), confidences, strict=True)
    units = (record.units if record.words else record.greedy).removesuffix(f" {WORD_BOUNDARY}").split()
    sure = [record.confidence if record.words else -1.0] * len(units)  # also of boundaries
    spans = word_spans(units, range(len(units)), range(1, len(units) + 1))
    for (first, end), confidence in zip(spans, confidences, strict=False):
        sure[first:end] = [confidence] * (end - first)
    padded = (WORD_BOUNDARY, *units, WORD_BOUNDARY)
    yield from ((" ".join(padded[place : place + 3]), confidence) for place, confidence in enumerate(sure))


def _confidences(record: LabelRecord) -> Sequence[float]:
    """Return one for each word; labels without them say the same of all their words."""
    known = len(record.word_confidences) == len(record.words)
    return record.word_confidences if known else (record.confidence,) * len(record.words)


def _reason(record: LabelRecord) -> str:
    if not record.words:
        return "no word, but sounds" if record.greedy else "nothing heard"
    ranked = sorted(zip(_confidences(record), record.words, strict=True))
    return f"doubtful words: {', '.join(dict.fromkeys(word for _, word in ranked[:_NAMED]))}"
