"""fairseq's audio manifests: ``{split}.tsv`` with, where there are labels, ``.wrd``, ``.ltr`` and ``.weight``.

The .tsv holds the audio root on its first line, then ``relpath<TAB>num_samples`` a line; the other files
have one line for each of those rows. An utterance's id is its relative path without the extension.
"""

from __future__ import annotations

import hashlib
import posixpath
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from operator import attrgetter
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.columns import RowsOf, TextColumn, first_repeat
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, iter_lines

Texts = TextColumn | RowsOf[str]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One row of a manifest. ``words`` and ``units`` are None where the split has no labels."""

    path: str
    num_samples: int
    words: str | None = None
    units: str | None = None
    weight: float = 1.0

    @property
    def id(self) -> str:
        return utterance_id(self.path)

    @property
    def seconds(self) -> float:
        """Duration at 16 kHz, the only rate of prepared audio."""
        return self.num_samples / SAMPLE_RATE


def utterance_id(path: str) -> str:
    return posixpath.splitext(path)[0]


@dataclass(frozen=True)
class Manifest:
    """A split: the folder that the paths are relative to, and its utterances in order."""

    root: Path
    utterances: Sequence[Utterance]

    @property
    def ids(self) -> list[str]:
        return [utterance.id for utterance in self.utterances]

    @property
    def seconds(self) -> float:
        if isinstance(self.utterances, UtteranceColumns):
            return sum(samples / SAMPLE_RATE for samples in self.utterances.samples.tolist())
        return sum(utterance.seconds for utterance in self.utterances)


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
    ) -> None:
        """Take columns of one length; labels or weights that there are not are None."""
        self.paths, self.words, self.units = paths, words, units
        self._samples = samples if isinstance(samples, array) else array("q", samples)
        self._weights = weights if weights is None or isinstance(weights, array) else array("d", weights)

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """Return the length of each, in samples."""
        return np.frombuffer(self._samples, dtype=np.int64)

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Return the weight of each."""
        return np.ones(len(self)) if self._weights is None else np.frombuffer(self._weights)

    @property
    def suffixes(self) -> list[str]:
        """Return the suffixes of the files beside the .tsv that have something to say of them."""
        told = {"wrd": self.words is not None, "ltr": self.units is not None, "weight": (self.weights != 1.0).any()}
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
        )

    @classmethod
    def recordings(cls, utterances: Sequence[Utterance]) -> UtteranceColumns:
        """Return paths and lengths alone as columns; those of columns are not copied."""
        if isinstance(utterances, cls):
            return cls(utterances.paths, utterances._samples)
        return cls(TextColumn(row.path for row in utterances), (row.num_samples for row in utterances))

    def id(self, row: int) -> str:
        """Return the id of an utterance, without making it."""
        return utterance_id(self.paths[row])

    def take(self, rows: Sequence[int]) -> UtteranceColumns:
        """Return the utterances of these rows."""
        return UtteranceColumns(
            self.paths.take(rows),
            (self._samples[row] for row in rows),
            self.words and self.words.take(rows),
            self.units and self.units.take(rows),
            self._weights and (self._weights[row] for row in rows),
        )

    def without_texts(self) -> UtteranceColumns:
        """Return the same recordings with their weights alone."""
        return UtteranceColumns(self.paths, self._samples, weights=self._weights)

    @classmethod
    def joined(cls, parts: Sequence[UtteranceColumns]) -> UtteranceColumns:
        """Return the recordings of all parts, one after the other, with their weights alone."""
        if len(parts) == 1:
            return parts[0].without_texts()
        return cls(
            TextColumn(chain.from_iterable(part.paths for part in parts)),
            chain.from_iterable(part._samples for part in parts),
            weights=chain.from_iterable(part.weights.tolist() for part in parts),
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
        )

    def __iter__(self) -> Iterator[Utterance]:
        labels = (repeat(None) if column is None else column for column in (self.words, self.units))
        weights = repeat(1.0) if self._weights is None else self._weights
        return map(Utterance, self.paths, self._samples, *labels, weights)

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


def manifest_digest(manifest: Manifest) -> str:
    """Return the sha256 of the rows of a .tsv, without its root, which may lie elsewhere on another machine."""
    digest = hashlib.sha256()
    for utterance in manifest.utterances:
        digest.update(f"{utterance.path}\t{utterance.num_samples}\n".encode())
    return digest.hexdigest()


def read_manifest(folder: str | Path, split: str, *, labels: bool = True, units_suffix: str = "ltr") -> Manifest:
    """Read ``folder/split.tsv`` and, unless ``labels`` is false, the label files beside it.

    ``units_suffix`` names the file that the units are read from, where it is not the .ltr.

    Raises:
        XlplError: a malformed row, a duplicate id, or files of different lengths.
    """
    tsv = Path(folder) / f"{split}.tsv"
    lines = iter_lines(tsv)
    first = next(lines, None)
    if first is None:
        raise XlplError("empty file", file=tsv, expected="the audio root on line 1, then relpath<TAB>num_samples")
    paths, samples = TextColumn(), array("q")
    for number, line in enumerate(lines, start=2):
        path, length = _parse_row(line, tsv, number)
        paths.append(path)
        samples.append(length)
    _reject_duplicates(tsv, paths)
    columns = {
        suffix: _aligned(tsv, Path(folder) / f"{split}.{suffix}", len(paths)) if labels else None
        for suffix in ("wrd", units_suffix, "weight")
    }
    weights = columns["weight"]
    utterances = UtteranceColumns(
        paths,
        samples,
        columns["wrd"],
        columns[units_suffix],
        None if weights is None else _parse_weights(weights, tsv.with_suffix(".weight")),
    )
    root = Path(first)
    return Manifest(root if root.is_absolute() else (tsv.parent / root), utterances)


def write_manifest(folder: str | Path, split: str, manifest: Manifest) -> None:
    """Write the split's files, label files only where every utterance has that label.

    Raises:
        XlplError: an id twice, or labels of some utterances only.
    """
    folder = Path(folder)
    utterances: Sequence[Utterance] = manifest.utterances
    known = utterances if isinstance(utterances, UtteranceColumns) else None
    _reject_duplicates(folder / f"{split}.tsv", known.paths if known else (row.path for row in utterances))
    columns = known.suffixes if known else _suffixes(folder / split, utterances)
    with open_manifest(folder, split, manifest.root, columns) as add:
        for utterance in utterances:
            add(utterance)


def _suffixes(base: Path, utterances: Sequence[Utterance]) -> list[str]:
    """Return the suffixes of the files that utterances need beside the .tsv."""
    columns = []
    for suffix, field in (("wrd", attrgetter("words")), ("ltr", attrgetter("units"))):
        present = sum(field(utterance) is not None for utterance in utterances)
        if present and present != len(utterances):
            raise XlplError(f"only {present} of {len(utterances)} utterances have labels", file=f"{base}.{suffix}")
        if present:
            columns.append(suffix)
    return [*columns, "weight"] if any(utterance.weight != 1.0 for utterance in utterances) else columns


@contextmanager
def open_manifest(
    folder: str | Path, split: str, root: Path, columns: Sequence[str]
) -> Iterator[Callable[[Utterance], None]]:
    """Write a split one utterance at a time: the block gets a function that adds one.

    The root is written as an absolute path (fairseq reads it as it stands). All files come into place at the end of
    the block, the .tsv last, so that a reader that finds it finds the rest.

    Args:
        folder: of the split.
        split: its name.
        root: what the utterances' paths are relative to.
        columns: which of wrd, ltr and weight to write beside the .tsv.
    """
    base = Path(folder) / split
    with ExitStack() as stack:
        streams = {suffix: stack.enter_context(atomic_open(f"{base}.{suffix}")) for suffix in ("tsv", *columns)}

        def add(utterance: Utterance) -> None:
            streams["tsv"].write(f"{utterance.path}\t{utterance.num_samples}\n")
            for suffix in columns:
                streams[suffix].write(f"{_COLUMNS[suffix](utterance)}\n")

        streams["tsv"].write(f"{root.resolve()}\n")
        yield add


_COLUMNS: Mapping[str, Callable[[Utterance], str]] = {
    "wrd": lambda utterance: utterance.words or "",
    "ltr": lambda utterance: utterance.units or "",
    "weight": lambda utterance: f"{utterance.weight:.6g}",
}


def _parse_row(line: str, tsv: Path, number: int) -> tuple[str, int]:
    path, tab, samples = line.partition("\t")
    if not tab or not path or not samples.isascii() or not samples.isdigit() or int(samples) == 0:
        raise XlplError(
            f"cannot read the row {line!r}",
            file=tsv,
            line=number,
            expected="relpath<TAB>num_samples, with num_samples > 0",
        )
    return path, int(samples)


def _parse_weights(texts: Iterable[str], file: Path) -> Iterator[float]:
    for line, text in enumerate(texts, start=1):
        yield _parse_weight(text, file, line)


def _parse_weight(text: str, file: Path, line: int) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise XlplError(f"weight {text!r}", file=file, line=line, expected="a number >= 0")
    return weight


def _reject_duplicates(tsv: Path, paths: Iterable[str]) -> None:
    ids = TextColumn(map(utterance_id, paths))
    if found := first_repeat(ids):
        row, first = found
        raise XlplError(
            f"duplicate id {ids[row]!r}, first on line {first + 2}",
            file=tsv,
            line=row + 2,
            expected="every relpath once (the extension does not count)",
            remedy="rename one of the files",
        )


def _aligned(tsv: Path, file: Path, rows: int) -> TextColumn | None:
    if not file.exists():
        return None
    lines = TextColumn(iter_lines(file))
    if len(lines) != rows:
        raise XlplError(
            f"{len(lines)} lines, but {tsv.name} has {rows} utterances",
            file=file,
            line=min(len(lines), rows) + 1,
            expected=f"one line for each of the {rows} rows of {tsv.name}",
            remedy="prepare the folder again; lines were lost or added",
        )
    return lines
