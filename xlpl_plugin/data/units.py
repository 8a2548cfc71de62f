"""The output units of an acoustic model: letters by default, shared by all languages (the paper's way)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_lines, write_lines
from xlpl_plugin.text.symbols import LETTERS, PIECE_MARK, SPECIAL_SYMBOLS, WORD_BOUNDARY

__all__ = [
    "BLANK_INDEX", "LETTERS", "PIECE_MARK", "SPECIAL_SYMBOLS", "WORD_BOUNDARY",
    "frames_needed", "letters_line", "read_units", "words_of_units", "write_units",
]  # fmt: skip

BLANK_INDEX = 0


def write_units(folder: str | Path, symbols: Sequence[str] = LETTERS) -> None:
    """Write ``dict.ltr.txt``: ``symbol count``, the form of fairseq's Dictionary."""
    write_lines(Path(folder) / "dict.ltr.txt", (f"{symbol} 1" for symbol in symbols))


def read_units(file: str | Path) -> tuple[str, ...]:
    """Return all symbols in the order of the acoustic model's outputs, the special ones first.

    Raises:
        XlplError: a malformed line or a symbol that stands twice.
    """
    symbols = list(SPECIAL_SYMBOLS)
    for number, line in enumerate(read_lines(file), start=1):
        symbol, _, count = line.rpartition(" ")
        if not symbol or not count.isdigit() or symbol in symbols:
            raise XlplError(
                f"cannot use the line {line!r}", file=file, line=number, expected="'symbol count', each symbol once"
            )
        symbols.append(symbol)
    return tuple(symbols)


def letters_line(spellings: Iterable[str]) -> str:
    """Return the .ltr line of romanised words: letters between spaces, ``|`` after each word.

    >>> letters_line(["hello", "you"])
    'h e l l o | y o u |'
    """
    return " ".join(f"{' '.join(word)} {WORD_BOUNDARY}" for word in spellings)


def words_of_units(units: Iterable[str]) -> list[str]:
    """Return the romanised words that units spell; ``|`` ends a word, and a piece's U+2581 starts one.

    >>> words_of_units("h e l l o | y o u |".split())
    ['hello', 'you']
    """
    return "".join(units).replace(WORD_BOUNDARY, " ").replace(PIECE_MARK, " ").split()


def frames_needed(units: Sequence[str]) -> int:
    """Return the fewest frames in which CTC can emit ``units``: one each, and a blank between two alike."""
    return len(units) + sum(first == second for first, second in pairwise(units))
