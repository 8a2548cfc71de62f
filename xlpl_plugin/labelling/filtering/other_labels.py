"""Opinions on a label from outside its record: other labels of the same audio, an LM over letters, a vocabulary."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from xlpl_plugin.data.units import words_of_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.filtering.filter_columns import letters
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, agreement, parse_record
from xlpl_plugin.text.perplexity import load_lm
from xlpl_plugin.text.spelling.lexicon import Lexicon, read_lexicon


class OtherLabels:
    """Labels of the same utterances by another acoustic model or round, read from disk when they are asked for.

    Memory: 16 bytes a label, whatever the order of the file.
    """

    def __init__(self, path: str | Path) -> None:
        """Index ``path``, a folder with labels.jsonl or such a file.

        Raises:
            XlplError: the file is missing, or a line is no label.
        """
        path = must_exist(path, f"a folder of labels, or a {LABELS_FILE}")
        self.file = must_exist(path / LABELS_FILE if path.is_dir() else path, "labels written by xlpl label")
        keys, offsets = array("Q"), array("q")
        offset = 0
        with self.file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                keys.append(_key(parse_record(line, self.file, number).id))
                offsets.append(offset)
                offset += len(line)
        order = np.argsort(np.frombuffer(keys, dtype=np.uint64))
        self._keys = np.frombuffer(keys, dtype=np.uint64)[order]
        self._offsets = np.frombuffer(offsets, dtype=np.int64)[order]

    def agreement(self, record: LabelRecord) -> float:
        """Return 1 - edits / the longer length, between the units of the two labels, 0 to 1.

        Raises:
            XlplError: the other labels have none of this id.
        """
        other = self.find(record.id)
        if other is None:
            raise XlplError(
                f"no label of the utterance {record.id!r}",
                file=self.file,
                expected="labels of the same utterances, whether kept or not",
                remedy="give in filter.other what xlpl label wrote for the same data and split",
            )
        return agreement(record.units.split(), other.units.split())

    def find(self, name: str) -> LabelRecord | None:
        """Return the other label of the utterance ``name``, if there is one."""
        key = np.uint64(_key(name))
        first, end = np.searchsorted(self._keys, key, "left"), np.searchsorted(self._keys, key, "right")
        with self.file.open("rb") as stream:
            for offset in self._offsets[first:end]:  # one, unless two ids have the same hash
                stream.seek(int(offset))
                record = parse_record(stream.readline(), self.file)
                if record.id == name:
                    return record
        return None


def _key(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def letter_nats(letters_lm: str | Path) -> Callable[[LabelRecord], float]:
    """Return what gives a label's -ln probability a letter under an n-gram model of units (end included)."""
    model: Any = load_lm(letters_lm)

    def nats(record: LabelRecord) -> float:
        return -float(model.score(record.units)) * math.log(10) / max(1, letters(record))

    return nats


def unknown_share(lexicon: str | Path) -> Callable[[LabelRecord], float]:
    """Return what gives the share of a label's words, as they are spelled in units, that a lexicon lacks."""
    known = spelled_words(read_lexicon(lexicon))

    def share(record: LabelRecord) -> float:
        words = words_of_units(record.units.split())
        return sum(word not in known for word in words) / max(1, len(words))

    return share


def spelled_words(lexicon: Lexicon) -> frozenset[str]:
    """Return the words of a lexicon as they are spelled in units."""
    return frozenset("".join(words_of_units(spelling)) for _, spelling in lexicon.entries())
