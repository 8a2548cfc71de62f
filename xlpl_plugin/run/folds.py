"""The parts of a split that students of one round leave out, each another one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.columns import TextColumn, TextIndex
from xlpl_plugin.data.manifest import UtteranceColumns, read_manifest, write_manifest
from xlpl_plugin.data.segments import Segments
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import copy_file
from xlpl_plugin.run.plan.steps import Divide


@dataclass(frozen=True)
class Fold:
    """How many recordings a student labels, and how many labels teach it."""

    labelled: int
    taught: int


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
                f"{count} folds (student.folds), but {np.count_nonzero(sizes)} recordings to divide",
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


def divide_folds(step: Divide) -> list[Fold]:
    """Write for each student the manifest that it labels and the data that it learns from.

    In validation all have the same: nobody trains on that.

    Raises:
        XlplError: a student has nothing to label, or nothing to learn from.
    """
    folds = Folds(step.data, step.split, step.folds)
    return [_write(step, folds, number) for number in range(1, step.folds + 1)]


def _write(step: Divide, folds: Folds, number: int) -> Fold:
    audio, labels = read_manifest(step.audio, step.split, labels=False), read_manifest(step.labels, "train")
    own, _ = folds.rows(audio.ids, number)
    _, others = folds.rows(labels.ids, number)
    for rows, source, what in ((own, step.audio, "to label"), (others, step.labels, "to learn from")):
        if not rows:
            raise XlplError(
                f"student {number} of {step.folds} has nothing {what}",
                file=source,
                expected="recordings in every fold",
                remedy="ask for fewer folds, or, where target.share is below 1, for a larger share",
            )
    audio_rows, label_rows = UtteranceColumns.of(audio.utterances), UtteranceColumns.of(labels.utterances)
    write_manifest(step.audio_of(number), step.split, replace(audio, utterances=audio_rows.take(own)))
    write_manifest(step.data_of(number), "train", replace(labels, utterances=label_rows.take(others)))
    for file in (*sorted(Path(step.labels).glob("valid.*")), Path(step.labels) / "dict.ltr.txt"):
        copy_file(file, step.data_of(number) / file.name)
    return Fold(len(own), len(others))
