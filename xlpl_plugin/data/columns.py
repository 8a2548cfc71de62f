"""Columns of texts and of rows of numbers in one buffer each: some bytes a row, where objects would take hundreds."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

Value = TypeVar("Value")
Rows = Iterable[int]
# a name on a disk need not be UTF-8
_ERRORS = "surrogatepass"


class TextColumn(Sequence[str]):
    """Texts one after the other as UTF-8: 8 bytes a text beside its own. Texts can be added, not changed."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._bounds = array("q", [0])
        self.extend(texts)

    def extend(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        self._bytes += text.encode("utf-8", _ERRORS)
        self._bounds.append(len(self._bytes))

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
        numbers = range(len(self))[row]
        return self.take(numbers) if isinstance(numbers, range) else self._text(numbers)

    def __iter__(self) -> Iterator[str]:
        for start, end in pairwise(self._bounds):
            yield self._bytes[start:end].decode("utf-8", _ERRORS)


class NumberRows(Sequence[npt.NDArray[Any]]):
    """Rows of numbers, each of a length of its own: 8 bytes a row beside its numbers."""

    def __init__(self, numbers: Iterable[Sequence[float]], typecode: str) -> None:
        """Take rows; ``typecode`` is that of ``array``."""
        values: array[Any] = array(typecode)
        self._bounds = array("q", [0])
        for row in numbers:
            values.extend(row)
            self._bounds.append(len(values))
        self._values: npt.NDArray[Any] = np.frombuffer(values, dtype=typecode)

    @classmethod
    def joined(cls, parts: Sequence[Sequence[npt.NDArray[Any]]], typecode: str) -> NumberRows:
        """Return the rows of all parts, one after the other."""
        if len(parts) == 1 and isinstance(parts[0], NumberRows):
            return parts[0]
        return cls((row.tolist() for part in parts for row in part), typecode)

    def take(self, rows: Rows) -> NumberRows:
        """Return these rows."""
        return NumberRows((self[row].tolist() for row in rows), self._values.dtype.char)

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
        return self._values[self._bounds[numbers] : self._bounds[numbers + 1]]


class TextIndex:
    """Finds the row of a text in a column: 16 bytes a text. Of a text that stands twice it finds either."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        hashes = text_hashes(texts)
        self._rows = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._rows]

    def find(self, text: str) -> int | None:
        """Return the row of a text, None where it is not among them."""
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


class ColumnMapping(Mapping[str, Value], Generic[Value]):
    """Values of different keys, in the order of the keys."""

    def __init__(self, keys: TextColumn, values: Sequence[Value], index: TextIndex | None = None) -> None:
        """``index`` is that of the keys, if another mapping has it already."""
        self._keys, self._values = keys, values
        self.index = index or TextIndex(keys)

    def __getitem__(self, key: str) -> Value:
        row = self.index.find(key)
        if row is None:
            raise KeyError(key)
        return self._values[row]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __eq__(self, other: object) -> bool:
        """Compare without making a dict of each."""
        if self is other or not isinstance(other, Mapping):
            return self is other
        return len(self) == len(other) and all(other.get(key) == value for key, value in self.items())

    __hash__ = None  # type: ignore[assignment]
