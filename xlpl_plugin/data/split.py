"""Dividing utterances: into train, valid and test so that no sentence, and no speaker, is in two parts; into folds."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.columns import TextColumn, TextIndex
from xlpl_plugin.data.manifest import UtteranceColumns, read_manifest
from xlpl_plugin.data.segments import Segments
from xlpl_plugin.errors import XlplError

PARTS = ("train", "valid", "test")
# a part may be half as large as was asked for, or twice as large, before a division by speaker is given up
_MOST_OFF = 2.0


def split_by_sentence(
    sentences: Mapping[str, Sequence[str]],
    *,
    valid: float,
    test: float,
    seed: int,
    fixed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Assign each id a part; ids that share a sentence, directly or through others, get the same one.

    The part follows from a hash of the text, so it stays the same when other utterances come or go.

    Args:
        sentences: id -> its sentences (its own id where there is no text).
        valid, test: expected shares, each >= 0, together < 1.
        fixed: id -> the part that it, and all that share a sentence with it, must go to.

    Raises:
        XlplError: ids that share a sentence are fixed to different parts.
    """
    groups = _connected(sentences)
    forced: dict[str, str] = {}
    for name, part in fixed.items():
        if forced.setdefault(groups[name], part) != part:
            raise XlplError(
                f"{name}: fixed to {part}, and what shares a sentence with it to {forced[groups[name]]}",
                expected="one part for all that share a sentence",
            )
    return {name: forced.get(key) or draw_part(key, valid=valid, test=test, seed=seed) for name, key in groups.items()}


def split_by_speaker(
    sentences: Mapping[str, Sequence[str]],
    speakers: Mapping[str, str],
    samples: Mapping[str, int],
    *,
    valid: float,
    test: float,
    seed: int,
) -> dict[str, str] | None:
    """Assign each id a part; ids that share a sentence or a speaker, directly or through others, get the same one.

    Groups are few and of different sizes, so they are not drawn one by one: test, then valid, take groups in the order
    of a hash, until they have the share of the audio that was asked for.

    Args:
        sentences: id -> its sentences.
        speakers: id -> its speaker, of the ids whose speaker is known.
        samples: id -> its size.
        valid, test: shares, each >= 0, together < 1.

    Returns:
        None where no such division has about these shares.
    """
    groups = _connected(sentences, speakers)
    sizes: dict[str, int] = defaultdict(int)
    for name, key in groups.items():
        sizes[key] += samples[name]
    parts = _fill(sizes, {"test": test, "valid": valid}, seed)
    return parts and {name: parts[key] for name, key in groups.items()}


def draw_part(sentence: str, *, valid: float, test: float, seed: int) -> str:
    """Return the part of a sentence that stands alone, by its hash."""
    position = _position(sentence, seed)
    if position < test:
        return "test"
    return "valid" if position < test + valid else "train"


def _position(sentence: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}\t{sentence}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _fill(sizes: Mapping[str, int], shares: Mapping[str, float], seed: int) -> dict[str, str] | None:
    """Return group -> part, or None where a part would be far from its share."""
    total, parts = sum(sizes.values()), dict[str, str]()
    order = sorted(sizes, key=lambda key: _position(key, seed))
    for part, share in shares.items():
        taken, wanted = 0, share * total
        for key in order:
            if key not in parts and share and taken + sizes[key] / 2 <= wanted:
                parts[key] = part
                taken += sizes[key]
        smallest = min((key for key in order if key not in parts), key=lambda key: sizes[key], default=None)
        if share and not taken and smallest is not None:
            parts[smallest] = part
            taken = sizes[smallest]
        if not wanted / _MOST_OFF <= taken <= wanted * _MOST_OFF:
            return None
    train = {key: "train" for key in order if key not in parts}
    return parts | train if train else None


def _connected(
    sentences: Mapping[str, Sequence[str]], speakers: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Return id -> the first sentence, in alphabetical order, of the group that it is connected with."""
    parent: dict[str, str] = {}

    def root(sentence: str) -> str:
        parent.setdefault(sentence, sentence)
        while parent[sentence] != sentence:
            parent[sentence] = parent[parent[sentence]]
            sentence = parent[sentence]
        return sentence

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    spoken: dict[str, str] = {}
    for name, own in sentences.items():
        for sentence in own[1:]:
            join(own[0], sentence)
        if name in speakers:
            join(spoken.setdefault(speakers[name], own[0]), own[0])
    return {name: root(own[0]) for name, own in sentences.items()}


class Folds:
    """Which fold each utterance of a split is in; pieces of one recording are in the same.

    Recordings go, the longest first, to the fold that has the least audio so far: no chance, and parts of one size.
    """

    def __init__(self, data: str | Path, split: str, count: int) -> None:
        """Divide ``split`` of the prepared folder ``data`` into ``count`` folds.

        Raises:
            XlplError: there are fewer recordings than folds.
        """
        columns = UtteranceColumns.recordings(read_manifest(data, split, labels=False).utterances)
        ids = TextColumn(map(columns.id, range(len(columns))))
        self._index = TextIndex(ids)
        groups = _recordings(ids, self._index, data)
        sizes = np.bincount(groups, weights=columns.samples)
        if np.count_nonzero(sizes) < count:
            raise XlplError(
                f"{count} folds, but {np.count_nonzero(sizes)} recordings to divide",
                file=Path(data) / f"{split}.tsv",
                expected="at least one recording for each fold",
                remedy="ask for fewer folds",
            )
        self._folds = _deal(sizes, count)[groups]

    def rows(self, ids: Iterable[str], fold: int) -> tuple[list[int], list[int]]:
        """Return which of ``ids`` are in a fold, counted from 1, and which are in the others."""
        own: list[int] = []
        others: list[int] = []
        for row, name in enumerate(ids):
            place = self._index.find(name)
            assert place is not None, name
            (own if self._folds[place] == fold else others).append(row)
        return own, others


def _recordings(ids: Sequence[str], index: TextIndex, data: str | Path) -> npt.NDArray[np.int64]:
    """Return for each utterance the row of the first utterance that is a piece of the same recording."""
    groups, first = np.arange(len(ids), dtype=np.int64), dict[str, int]()
    for segment in Segments.read(data).rows:
        if (row := index.find(segment.id)) is not None:
            groups[row] = first.setdefault(segment.recording, row)
    return groups


def _deal(sizes: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Return the fold, from 1, of each recording; of those of no size it means nothing."""
    folds = np.zeros(len(sizes), dtype=np.int64)
    taken = [(0.0, fold) for fold in range(1, count + 1)]
    for row in np.argsort(-sizes, kind="stable").tolist():
        size, fold = heapq.heappop(taken)
        folds[row] = fold
        heapq.heappush(taken, (size + sizes[row], fold))
    return folds
