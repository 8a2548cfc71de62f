"""Dividing utterances: into train, valid and test so that no sentence, and no speaker, is in two parts; into folds."""

from __future__ import annotations

import hashlib
import heapq
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.columns import (
    CodedTexts,
    Numbers,
    RowsOf,
    TextColumn,
    TextIndex,
    different_numbers,
    different_texts,
)
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.segments import Segments
from xlpl_plugin.data.utterances import UtteranceColumns
from xlpl_plugin.errors import XlplError

PARTS = ("train", "valid", "test")
# a part may be half as large as was asked for, or twice as large, before a division by speaker is given up
_MOST_OFF = 2.0

Sentences = Sequence[Sequence[str]]


def split_by_sentence(
    names: Sequence[str], sentences: Sentences, *, valid: float, test: float, seed: int, fixed: Sequence[str] = ()
) -> CodedTexts:
    """Return the part of each utterance; those that share a sentence, directly or through others, get the same one.

    The part follows from a hash of the text, so it stays the same when other utterances come or go.

    Args:
        names: of the utterances, for messages.
        sentences: of each utterance (its name where there is no text).
        valid, test: expected shares, each >= 0, together < 1.
        fixed: the part that each, and all that share a sentence with it, must go to; empty: none.

    Raises:
        XlplError: utterances that share a sentence are fixed to different parts.
    """
    groups = _Groups(sentences)
    parts: dict[int, str] = {}
    for row, part in enumerate(fixed):
        if part and parts.setdefault(groups.of[row], part) != part:
            raise XlplError(
                f"{names[row]}: fixed to {part}, and what shares a sentence with it to {parts[groups.of[row]]}",
                expected="one part for all that share a sentence",
            )
    shares = {"valid": valid, "test": test}
    return CodedTexts(parts.get(group) or draw_part(groups.key(group), **shares, seed=seed) for group in groups.of)


def split_by_speaker(
    sentences: Sentences, speakers: Sequence[str], samples: Sequence[int], *, valid: float, test: float, seed: int
) -> CodedTexts | None:
    """Return the part of each utterance; those that share a sentence or a speaker, also through others, get the same.

    Groups are few and of different sizes, so they are not drawn one by one: test, then valid, take groups in the order
    of a hash, until they have the share of the audio that was asked for.

    Args:
        sentences: of each utterance.
        speakers: who speaks each; empty: not known.
        samples: the size of each.
        valid, test: shares, each >= 0, together < 1.

    Returns:
        None where no such division has about these shares.
    """
    groups = _Groups(sentences, speakers)
    # groups by the order in which they come, and of each its size and its place in the order of hashes
    found = different_numbers(np.frombuffer(groups.of, np.int64))
    sizes = np.zeros(len(found.first), np.int64)
    np.add.at(sizes, found.numbers, np.asarray(samples, np.int64))
    hashes = array("d", (_position(groups.key(groups.of[row]), seed) for row in found.first))
    order = np.argsort(np.frombuffer(hashes), kind="stable")
    parts = _fill(sizes[order], {"test": test, "valid": valid})
    if parts is None:
        return None
    of_group = np.empty_like(order)
    of_group[order] = parts
    return CodedTexts(PARTS[part] for part in of_group[found.numbers])


def draw_part(sentence: str, *, valid: float, test: float, seed: int) -> str:
    """Return the part of a sentence that stands alone, by its hash."""
    position = _position(sentence, seed)
    if position < test:
        return "test"
    return "valid" if position < test + valid else "train"


def _position(sentence: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}\t{sentence}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _fill(sizes: Numbers, shares: Mapping[str, float]) -> Numbers | None:
    """Return the part of each group, as its place in ``PARTS``, or None where a part would be far from its share."""
    total, parts = int(sizes.sum()), np.full(len(sizes), PARTS.index("train"))
    free = np.ones(len(sizes), bool)
    for part, share in shares.items():
        wanted = share * total
        chosen = _take(sizes, np.flatnonzero(free), wanted) if share else np.empty(0, np.int64)
        if share and not len(chosen) and free.any():
            rest = np.flatnonzero(free)
            chosen = rest[[sizes[rest].argmin()]]
        free[chosen], parts[chosen] = False, PARTS.index(part)
        if not wanted / _MOST_OFF <= int(sizes[chosen].sum()) <= wanted * _MOST_OFF:
            return None
    return parts if free.any() else None


def _take(sizes: Numbers, groups: Numbers, wanted: float) -> Numbers:
    """Return the groups, of those given and in their order, that fit into what is wanted, but for half of the last."""
    taken, chosen = 0, []
    for group, size in zip(groups.tolist(), sizes[groups].tolist(), strict=True):
        if taken + size / 2 <= wanted:
            chosen.append(group)
            taken += size
    return np.array(chosen, np.int64)


class _Groups:
    """Utterances that are connected by a sentence or a speaker, directly or through others.

    Attributes:
        of: the number of each utterance's group.
    """

    def __init__(self, sentences: Sentences, speakers: Sequence[str] = ()) -> None:
        self._sentences = sentences
        # all sentences one after the other, and where those of each utterance begin
        self._bounds = array("q", accumulate(map(len, sentences), initial=0))
        found = different_texts(RowsOf(self._sentence, range(self._bounds[-1])))
        self._first, self._parent = found.first, array("q", range(len(found.first)))
        own = array("q", found.numbers.tobytes())
        for start, end in pairwise(self._bounds):
            for place in range(start + 1, end):
                self._join(own[start], own[place])
        spoken = different_texts(speakers)
        for row, first in enumerate(array("q", spoken.first[spoken.numbers].tobytes())):
            if speakers[row]:
                self._join(own[self._bounds[first]], own[self._bounds[row]])
        self.of = array("q", (self._root(own[start]) for start in self._bounds[:-1]))

    def _sentence(self, place: int) -> str:
        row = bisect_right(self._bounds, place) - 1
        return self._sentences[row][place - self._bounds[row]]

    def key(self, group: int) -> str:
        """Return the first sentence of a group, in alphabetical order."""
        return self._sentence(int(self._first[group]))

    def _root(self, sentence: int) -> int:
        parent = self._parent
        while parent[sentence] != sentence:
            parent[sentence] = parent[parent[sentence]]
            sentence = parent[sentence]
        return sentence

    def _join(self, one: int, other: int) -> None:
        first, second = self._root(one), self._root(other)
        if first != second:
            first, second = sorted((first, second), key=self.key)
            self._parent[second] = first


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
