"""Utterances of a split: one, and a million of them as columns."""

from __future__ import annotations

import posixpath
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import overload

import numpy as np
import numpy.typing as npt

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.columns import RowsOf, TextColumn

Texts = TextColumn | RowsOf[str]
# of a recording: the first sample and the one after the last
Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One row of a manifest. ``words`` and ``units`` are None where the split has no labels.

    ``stretch`` is the part of the recording that the row is, None where it is the whole; ``num_samples`` are always
    those of the whole.
    """

    path: str
    num_samples: int
    words: str | None = None
    units: str | None = None
    weight: float = 1.0
    stretch: Stretch | None = None

    @property
    def id(self) -> str:
        """That of the recording; of a stretch ``recording#first-end``.

        >>> Utterance("a/b.flac", 900).id, Utterance("a/b.flac", 900, stretch=(0, 400)).id
        ('a/b', 'a/b#0-400')
        """
        return utterance_id(self.path, stretch_line(self.stretch))

    @property
    def seconds(self) -> float:
        """Duration at 16 kHz, the only rate of prepared audio."""
        first, end = self.stretch or (0, self.num_samples)
        return (end - first) / SAMPLE_RATE


def utterance_id(path: str, stretch: str = "") -> str:
    """Return the id of a recording, or of a stretch of it as a .stretch file has it."""
    whole = posixpath.splitext(path)[0]
    return f"{whole}#{stretch}" if stretch else whole


def ids_of(utterances: Sequence[Utterance]) -> Iterator[str]:
    """Yield the ids, of columns without making the utterances."""
    if isinstance(utterances, UtteranceColumns):
        return map(utterances.id, range(len(utterances)))
    return (utterance.id for utterance in utterances)


class UtteranceColumns(Sequence[Utterance]):
    """Utterances as columns, so that a million fit in some 100 MB: each is made when it is asked for.

    They equal any sequence of the same utterances.
    """

    def __init__(
        self,
        paths: Texts,
        samples: Iterable[int],
        words: Texts | None = None,
        units: Texts | None = None,
        weights: Iterable[float] | None = None,
        stretches: Texts | None = None,
    ) -> None:
        """Take columns of one length; labels, weights or stretches that there are not are None."""
        self.paths, self.words, self.units, self.stretches = paths, words, units, stretches
        self._samples = samples if isinstance(samples, array) else array("q", samples)
        self._weights = weights if weights is None or isinstance(weights, array) else array("d", weights)

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """Return the length of each, in samples."""
        return np.frombuffer(self._samples, dtype=np.int64)

    @cached_property
    def samples_heard(self) -> npt.NDArray[np.int64]:
        """Return how many samples of the recording each row is."""
        if self.stretches is None:
            return self.samples
        bounds = (_stretch(line) or (0, whole) for line, whole in zip(self.stretches, self._samples, strict=True))
        return np.fromiter((end - first for first, end in bounds), dtype=np.int64, count=len(self))

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Return the weight of each."""
        return np.ones(len(self)) if self._weights is None else np.frombuffer(self._weights)

    @property
    def suffixes(self) -> list[str]:
        """Return the suffixes of the files beside the .tsv that have something to say of them."""
        told = {
            "wrd": self.words is not None,
            "ltr": self.units is not None,
            "weight": (self.weights != 1.0).any(),
            "stretch": self.stretches is not None and any(self.stretches),
        }
        return [suffix for suffix, is_told in told.items() if is_told and len(self)]

    @classmethod
    def of(cls, utterances: Sequence[Utterance]) -> UtteranceColumns:
        """Return utterances as columns.

        Raises:
            ValueError: some have words, or units, and some have none.
        """
        if isinstance(utterances, cls):
            return utterances
        return cls(
            TextColumn(utterance.path for utterance in utterances),
            (utterance.num_samples for utterance in utterances),
            _texts([utterance.words for utterance in utterances]),
            _texts([utterance.units for utterance in utterances]),
            (utterance.weight for utterance in utterances),
            TextColumn(stretch_line(row.stretch) for row in utterances)
            if any(row.stretch for row in utterances)
            else None,
        )

    @classmethod
    def packed(cls, utterances: Iterable[Utterance]) -> UtteranceColumns:
        """Return labelled utterances as columns, each packed as it comes."""
        paths, words, units, stretches = (TextColumn() for _ in range(4))
        samples, weights = array("q"), array("d")
        for utterance in utterances:
            paths.append(utterance.path)
            samples.append(utterance.num_samples)
            words.append(utterance.words or "")
            units.append(utterance.units or "")
            weights.append(utterance.weight)
            stretches.append(stretch_line(utterance.stretch))
        return cls(paths, samples, words, units, weights, stretches)

    @classmethod
    def recordings(cls, utterances: Sequence[Utterance]) -> UtteranceColumns:
        """Return paths and lengths alone as columns; those of columns are not copied."""
        if isinstance(utterances, cls):
            return cls(utterances.paths, utterances._samples)
        return cls(TextColumn(row.path for row in utterances), (row.num_samples for row in utterances))

    def id(self, row: int) -> str:
        """Return the id of an utterance, without making it."""
        return utterance_id(self.paths[row], self.stretches[row] if self.stretches else "")

    def take(self, rows: Sequence[int]) -> UtteranceColumns:
        """Return the utterances of these rows."""
        return UtteranceColumns(
            self.paths.take(rows),
            (self._samples[row] for row in rows),
            self.words and self.words.take(rows),
            self.units and self.units.take(rows),
            self._weights and (self._weights[row] for row in rows),
            self.stretches and self.stretches.take(rows),
        )

    def without_texts(self) -> UtteranceColumns:
        """Return the same recordings with their weights and stretches alone."""
        return UtteranceColumns(self.paths, self._samples, weights=self._weights, stretches=self.stretches)

    @classmethod
    def joined(cls, parts: Sequence[UtteranceColumns]) -> UtteranceColumns:
        """Return the recordings of all parts, one after the other, with their weights and stretches alone."""
        if len(parts) == 1:
            return parts[0].without_texts()
        lines = (part.stretches or repeat("", len(part)) for part in parts)
        are_parts = any(part.stretches is not None for part in parts)
        return cls(
            TextColumn(chain.from_iterable(part.paths for part in parts)),
            chain.from_iterable(part._samples for part in parts),
            weights=chain.from_iterable(part.weights.tolist() for part in parts),
            stretches=TextColumn(chain.from_iterable(lines)) if are_parts else None,
        )

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, row: int) -> Utterance: ...
    @overload
    def __getitem__(self, row: slice) -> UtteranceColumns: ...
    def __getitem__(self, row: int | slice) -> Utterance | UtteranceColumns:
        number = range(len(self))[row]
        if isinstance(number, range):
            return self.take(number)
        return Utterance(
            self.paths[number],
            self._samples[number],
            None if self.words is None else self.words[number],
            None if self.units is None else self.units[number],
            1.0 if self._weights is None else self._weights[number],
            None if self.stretches is None else _stretch(self.stretches[number]),
        )

    def __iter__(self) -> Iterator[Utterance]:
        labels = (repeat(None) if column is None else column for column in (self.words, self.units))
        weights = repeat(1.0) if self._weights is None else self._weights
        stretches = repeat(None) if self.stretches is None else map(_stretch, self.stretches)
        return map(Utterance, self.paths, self._samples, *labels, weights, stretches)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def _texts(texts: Sequence[str | None]) -> TextColumn | None:
    given = [text for text in texts if text is not None]
    if given and len(given) < len(texts):
        raise ValueError(f"{len(given)} texts of {len(texts)} utterances")
    return TextColumn(given) if given else None


def stretch_line(stretch: Stretch | None) -> str:
    """Return the line of a .stretch file, which is empty for a whole recording.

    >>> stretch_line((1600, 3200)), stretch_line(None)
    ('1600-3200', '')
    """
    return f"{stretch[0]}-{stretch[1]}" if stretch else ""


def _stretch(line: str) -> Stretch | None:
    first, _, end = line.partition("-")
    return (int(first), int(end)) if line else None
