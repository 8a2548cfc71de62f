"""Utterances cut where a unit begins and joined again at random, so that only neighbouring units stay in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from xlpl_plugin.decoding import Hypothesis, LogProbs

_END = -1


def splice(log_probs: Sequence[LogProbs], paths: Sequence[Hypothesis], seed: int) -> list[LogProbs]:
    """Return as many utterances as there are, made of the pieces of all of them.

    A piece lasts from a unit of the greedy path to the next one. Each piece is followed by what followed some piece of
    the same unit, drawn at random without replacement. So all pairs of neighbouring units stay as frequent as they
    were, and every frame as sure, while longer stretches, words among them, are broken up. The few pieces that come to
    lie in a ring, where no utterance leads to them, are left out.

    Args:
        log_probs: (T, C) natural log-probs of each utterance.
        paths: the greedy output of each, with the frame where each unit begins.
    """
    pieces: list[LogProbs] = []
    following: list[int] = []
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    starts = []
    for emission, path in zip(log_probs, paths, strict=True):
        starts.append(len(pieces))
        # what is before the first unit is a piece too, of no unit
        units, cuts = ("", *path.units), (0, *path.frames, len(emission))
        for unit, after, (begin, end) in zip(units, (*units[1:], ""), pairwise(cuts), strict=True):
            # ends stay ends: the last boundary may not be in the frames. And between two units alike is a blank
            alike[unit, after if after in ("", unit) else "other"].append(len(pieces))
            pieces.append(emission[begin:end])
            following.append(len(pieces))
        following[-1] = _END
    rng = np.random.default_rng(seed)
    for places in alike.values():
        drawn = rng.permutation([following[place] for place in places]).tolist()
        for place, other in zip(places, drawn, strict=True):
            following[place] = other
    return [np.concatenate([pieces[place] for place in _walk(start, following)]) for start in starts]


def _walk(start: int, following: Sequence[int]) -> list[int]:
    places = [start]
    while (place := following[places[-1]]) != _END:
        places.append(place)
    return places
