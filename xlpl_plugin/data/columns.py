"""Columns of texts and of rows of numbers in one buffer each: some bytes a row, where objects would take hundreds."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from itertools import chain, pairwise
from typing import Any, Generic, NamedTuple, TypeVar, overload

import numpy as np
import numpy.typing as npt

Value = TypeVar("Value")
Other = TypeVar("Other")
Rows = Iterable[int]
Numbers = npt.NDArray[np.int64]
# a name on a disk need not be UTF-8
_ERRORS = "surrogatepass"
_SMALL = "I"
# rows that are sorted at once, with their texts in memory
_SORTED = 50_000


class TextColumn(Sequence[str]):
    """Texts one after the other as UTF-8: 4 bytes a text beside its own. Texts can be added, not changed."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        # four bytes each while they suffice: up to 4 GB of text
        self._bounds = array(_SMALL, [0])
        self.extend(texts)

    def extend(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        self._bytes += text.encode("utf-8", _ERRORS)
        try:
            self._bounds.append(len(self._bytes))
        except OverflowError:
            self._bounds = array("Q", chain(self._bounds, [len(self._bytes)]))

    def take(self, rows: Rows) -> TextColumn:
        """Return the texts of these rows."""
        return TextColumn(map(self._text, rows))

    def _text(self, row: int) -> str:
        return self._bytes[self._bounds[row] : self._bounds[row + 1]].decode("utf-8", _ERRORS)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> TextColumn: ...
    def __getitem__(self, row: int | slice) -> str | TextColumn:
        if isinstance(row, slice):
            return self.take(range(len(self))[row])
        return self._text(row if row >= 0 else range(len(self))[row])

    def __iter__(self) -> Iterator[str]:
        for start, end in pairwise(self._bounds):
            yield self._bytes[start:end].decode("utf-8", _ERRORS)


class CodedTexts(Sequence[str]):
    """Texts of which few differ: each of these once, and 4 bytes a row."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: list[str] = []
        self._numbers: dict[str, int] = {}
        self._rows = array("i")
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        number = self._numbers.setdefault(text, len(self._texts))
        if number == len(self._texts):
            self._texts.append(text)
        self._rows.append(number)

    def rows_of(self, text: str) -> Numbers:
        """Return the rows with this text."""
        return np.flatnonzero(np.frombuffer(self._rows, np.int32) == self._numbers.get(text, -1))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> CodedTexts: ...
    def __getitem__(self, row: int | slice) -> str | CodedTexts:
        if isinstance(row, slice):
            return CodedTexts(self._texts[number] for number in self._rows[row])
        return self._texts[self._rows[row]]

    def __iter__(self) -> Iterator[str]:
        return map(self._texts.__getitem__, self._rows)


class RowsOf(Sequence[Value], Generic[Value]):
    """What a function gives for each of some rows, computed when it is asked for: nothing is copied."""

    def __init__(self, function: Callable[[int], Value], rows: Iterable[int]) -> None:
        self._function = function
        self._rows = rows if isinstance(rows, array | range) else array("q", rows)

    def take(self, rows: Rows) -> RowsOf[Value]:
        """Return the same of these rows."""
        return RowsOf(self._function, (self._rows[row] for row in rows))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> Value: ...
    @overload
    def __getitem__(self, row: slice) -> RowsOf[Value]: ...
    def __getitem__(self, row: int | slice) -> Value | RowsOf[Value]:
        return RowsOf(self._function, self._rows[row]) if isinstance(row, slice) else self._function(self._rows[row])

    def __iter__(self) -> Iterator[Value]:
        return map(self._function, self._rows)


class NumberRows(Sequence[npt.NDArray[Any]]):
    """Rows of numbers, each of a length of its own: 8 bytes a row beside its numbers."""

    def __init__(self, rows: Iterable[Sequence[float]], typecode: str) -> None:
        """Take rows; ``typecode`` is that of ``array``."""
        self._numbers: array[Any] = array(typecode)
        self._bounds = array("q", [0])
        for row in rows:
            self.append(row)

    def append(self, row: Sequence[float]) -> None:
        """Add a row, while none is in use: one that was asked for shares its memory with the column."""
        self._numbers.extend(row)
        self._bounds.append(len(self._numbers))

    @property
    def total(self) -> int:
        """Return how many numbers all rows have."""
        return len(self._numbers)

    @classmethod
    def joined(cls, parts: Sequence[Sequence[npt.NDArray[Any]]], typecode: str) -> NumberRows:
        """Return the rows of all parts, one after the other."""
        if len(parts) == 1 and isinstance(parts[0], NumberRows):
            return parts[0]
        return cls((row.tolist() for part in parts for row in part), typecode)

    def take(self, rows: Rows) -> NumberRows:
        """Return these rows."""
        return NumberRows((self[row].tolist() for row in rows), self._numbers.typecode)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, row: int) -> npt.NDArray[Any]: ...
    @overload
    def __getitem__(self, row: slice) -> NumberRows: ...
    def __getitem__(self, row: int | slice) -> npt.NDArray[Any] | NumberRows:
        numbers = range(len(self))[row]
        if isinstance(numbers, range):
            return self.take(numbers)
        return np.frombuffer(self._numbers, self._numbers.typecode)[self._bounds[numbers] : self._bounds[numbers + 1]]


class FloatRows(Sequence[tuple[float, ...]]):
    """Rows of numbers as tuples, each made when it is asked for."""

    def __init__(self, rows: NumberRows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> tuple[float, ...]: ...
    @overload
    def __getitem__(self, row: slice) -> FloatRows: ...
    def __getitem__(self, row: int | slice) -> tuple[float, ...] | FloatRows:
        return FloatRows(self._rows[row]) if isinstance(row, slice) else tuple(self._rows[row].tolist())


class TextIndex:
    """Finds the row of a text in a column: 16 bytes a text. Of a text that stands twice it finds either."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        hashes = text_hashes(texts)
        self._rows = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._rows]
        # files about the same utterances mostly have them in the same order: what is next is tried first
        self._next = 0

    def find(self, text: str) -> int | None:
        """Return the row of a text, None where it is not among them."""
        row = self._next if self._next < len(self._rows) and self._texts[self._next] == text else self._search(text)
        if row is not None:
            self._next = row + 1
        return row

    def _search(self, text: str) -> int | None:
        wanted = hash(text)
        place = int(self._hashes.searchsorted(wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            row = int(self._rows[place])
            if self._texts[row] == text:
                return row
            place += 1  # another text of the same hash
        return None


def text_hashes(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return a hash of each text, which holds in this process: two texts in 10^19 have the same one."""
    return np.frombuffer(array("q", map(hash, texts)), dtype=np.int64)


class Different(NamedTuple):
    """The different ones among values, by the order in which they come: the number of each value, and its first row."""

    numbers: Numbers
    first: Numbers


def different_numbers(values: Numbers) -> Different:
    """Number the different ones among numbers."""
    _, first, numbers = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Different(place[numbers], first[order])


def different_texts(texts: Sequence[str]) -> Different:
    """Number the different ones among texts by their hashes: 16 bytes a text, and 40 while it is done."""
    found = different_numbers(text_hashes(texts))
    heads = found.first[found.numbers]
    repeated = np.flatnonzero(heads != np.arange(len(heads)))
    same = (texts[row] == texts[head] for row, head in zip(repeated.tolist(), heads[repeated].tolist(), strict=True))
    return found if all(same) else _compared(texts)


def _compared(texts: Iterable[str]) -> Different:
    """Do without hashes, of which two are the same."""
    known: dict[str, int] = {}
    numbers = np.array([known.setdefault(text, len(known)) for text in texts], np.int64)
    return Different(numbers, np.unique(numbers, return_index=True)[1])


def repeated_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts that stand more than once, in the order in which they come."""
    hashes, counts = np.unique(text_hashes(texts), return_counts=True)
    doubtful = set(hashes[counts > 1].tolist())
    found = Counter(text for text in texts if hash(text) in doubtful) if doubtful else Counter()
    return [text for text, count in found.items() if count > 1]


def sorted_rows(texts: Sequence[str]) -> array[int]:
    """Return the rows in the order of their texts, in the memory that some of the texts take."""
    starts = range(0, len(texts), _SORTED)
    runs = [
        array("q", sorted(range(start, min(start + _SORTED, len(texts))), key=texts.__getitem__)) for start in starts
    ]
    return array("q", heapq.merge(*runs, key=texts.__getitem__))


def first_repeat(texts: Sequence[str]) -> tuple[int, int] | None:
    """Return the row of the first text that stood before, and the row where it did; None where all differ."""
    hashes = np.sort(text_hashes(texts))
    doubtful = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    seen: dict[str, int] = {}
    for row, text in enumerate(texts if doubtful else ()):
        if hash(text) in doubtful and seen.setdefault(text, row) != row:
            return row, seen[text]
    return None


class ColumnMapping(Mapping[str, Value], Generic[Value]):
    """Values of different keys, in the order of the keys."""

    def __init__(self, keys: Sequence[str], values: Sequence[Value], index: TextIndex | None = None) -> None:
        """``index`` is that of the keys, if another mapping has it already."""
        self._keys, self._values = keys, values
        if index is not None:
            self._index = index

    @cached_property
    def _index(self) -> TextIndex:
        return TextIndex(self._keys)

    def of_same_keys(self, values: Sequence[Other]) -> ColumnMapping[Other]:
        """Return other values of the same keys."""
        return ColumnMapping(self._keys, values, self._index)

    def __getitem__(self, key: str) -> Value:
        row = self._index.find(key)
        if row is None:
            raise KeyError(key)
        return self._values[row]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def values(self) -> ValuesView[Value]:
        return _ColumnValues(self, self._values)

    def items(self) -> ItemsView[str, Value]:
        return _ColumnItems(self, self._values)

    def __eq__(self, other: object) -> bool:
        """Compare without making a dict of each."""
        if self is other or not isinstance(other, Mapping):
            return self is other
        return len(self) == len(other) and all(other.get(key) == value for key, value in self.items())

    __hash__ = None  # type: ignore[assignment]


class _ColumnValues(ValuesView[Value]):
    """The values of a mapping, read from their column: no key is looked up."""

    def __init__(self, mapping: Mapping[str, Value], values: Iterable[Value]) -> None:
        super().__init__(mapping)
        self._values = values

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values)


class _ColumnItems(ItemsView[str, Value]):
    """Keys and values of a mapping, as they stand beside each other."""

    def __init__(self, mapping: Mapping[str, Value], values: Iterable[Value]) -> None:
        super().__init__(mapping)
        self._keys, self._values = mapping, values

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return zip(self._keys, self._values, strict=True)
