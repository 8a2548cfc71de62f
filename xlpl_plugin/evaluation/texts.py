"""What is compared: the texts that a system wrote and the references, both keyed by utterance id."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from xlpl_plugin.data.columns import ColumnMapping, FloatRows, NumberRows, TextColumn, first_repeat
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.units import words_of_units
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.provenance import decoded_with
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, iter_labels

Script = Literal["native", "romanised"]
T = TypeVar("T")


@dataclass(frozen=True)
class References:
    """The transcripts of one split, in its own script and as words spelt in the acoustic model's units."""

    folder: Path
    split: str
    native: Mapping[str, str]
    romanised: Mapping[str, str] | None

    def text(self, script: Script) -> Mapping[str, str]:
        """Return id -> words between spaces.

        Raises:
            XlplError: romanised text is wanted and the split has no .ltr file.
        """
        if script == "native":
            return self.native
        if self.romanised is None:
            raise XlplError(
                "no romanised references to compare greedy or romanised output with",
                file=self.folder / f"{self.split}.ltr",
                expected="the references' spelling in units, one line for each utterance",
                remedy="prepare the folder with 'xlpl prepare', which writes it",
            )
        return self.romanised


@dataclass(frozen=True)
class System:
    """One row of the table: a name, the script of its words, and its words for each id.

    Attributes:
        confidences: for each id one number a word, where the labels have them.
        alternatives: for each id the texts of the hypotheses after the best, where the labels have them.
    """

    name: str
    script: Script
    texts: Mapping[str, str]
    file: Path
    confidences: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    alternatives: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Labels:
    """What is kept of records, as columns: a line of ``labels.jsonl`` holds much more."""

    def __init__(self, records: Iterable[LabelRecord]) -> None:
        self.ids, self.words, self.spelt, self.greedy = (TextColumn() for _ in range(4))
        self.confidences = NumberRows((), "d")
        self.alternatives: dict[str, tuple[str, ...]] = {}
        for record in records:
            self.ids.append(record.id)
            self.words.append(canonical(record.text))
            self.spelt.append(_spelt(record.units))
            self.greedy.append(_spelt(record.greedy))
            self.confidences.append(record.word_confidences)
            if record.alternatives:
                self.alternatives[record.id] = tuple(canonical(text) for text, _ in record.alternatives)
        self._by_id = ColumnMapping(self.ids, self.words)

    def by_id(self, values: Sequence[T]) -> Mapping[str, T]:
        return self._by_id.of_same_keys(values)


def read_references(folder: str | Path, split: str) -> References:
    """Read ``folder/split.wrd`` and, where it exists, ``split.ltr``.

    Raises:
        XlplError: the split has no .wrd file or no utterance, or its files do not fit together.
    """
    folder = Path(folder)
    must_exist(folder / f"{split}.tsv", "the manifest of the references")
    must_exist(folder / f"{split}.wrd", "the references, one line for each row of the .tsv")
    utterances = read_manifest(folder, split).utterances
    if not utterances:
        raise XlplError("the split holds no utterance", file=folder / f"{split}.tsv", expected="at least one")
    native = _by_id(utterances)
    if utterances[0].units is None:
        return References(folder, split, native, None)
    romanised = TextColumn(_spelt(utterance.units or "") for utterance in utterances)
    return References(folder, split, native, native.of_same_keys(romanised))


def _by_id(utterances: Iterable[Utterance]) -> ColumnMapping[str]:
    ids, texts = TextColumn(), TextColumn()
    for utterance in utterances:
        ids.append(utterance.id)
        texts.append(canonical(utterance.words or ""))
    return ColumnMapping(ids, texts)


def read_systems(path: str | Path, name: str | None = None, *, romanised: bool = False) -> list[System]:
    """Read what a system wrote: a folder of labels, its ``labels.jsonl``, or a ``.wrd`` with its ``.tsv`` beside it.

    Labels give two systems: greedy (always romanised: it is spelt in units), and with LM (native words; with
    ``romanised``, or where there was no lexicon, their spelling in units). Labels that were decoded greedily give the
    first alone. A .wrd gives one, native.

    Raises:
        XlplError: nothing readable there, a malformed record, an id that stands twice.
    """
    path = must_exist(path, "a folder of labels, a labels.jsonl or a .wrd file")
    name = name or (path.name if path.is_dir() else f"{path.parent.name}/{path.name}")
    if path.suffix == ".wrd":
        return [_read_words(path, name)]
    file = must_exist(path / LABELS_FILE if path.is_dir() else path, "the labels of 'xlpl label'")
    labels = _read_labels(file)
    lexicon, lm = _decoder(file)
    spelt = labels.by_id(labels.spelt)
    confidences = labels.by_id(FloatRows(labels.confidences)) if labels.confidences.total else {}
    if not lexicon and not lm:
        return [System(f"{name} greedy", "romanised", spelt, file, confidences)]
    greedy = System(f"{name} greedy", "romanised", labels.by_id(labels.greedy), file)
    if romanised or not lexicon:
        return [greedy, System(f"{name} LM", "romanised", spelt, file, confidences)]
    words = labels.by_id(labels.words)
    return [greedy, System(f"{name} LM", "native", words, file, confidences, labels.alternatives)]


def _decoder(labels: Path) -> tuple[bool, bool]:
    """Whether lexicon and LM were used, by the provenance beside the labels; without one they are taken for granted."""
    decoder = decoded_with(labels.parent)
    return (True, True) if decoder is None else (bool(decoder["lexicon"]), bool(decoder["lm"]))


def _read_words(path: Path, name: str) -> System:
    must_exist(path.with_suffix(".tsv"), "the manifest of the .wrd file, which names its lines")
    utterances = read_manifest(path.parent, path.stem).utterances
    return System(name, "native", _by_id(utterances), path)


def _read_labels(file: Path) -> _Labels:
    labels = _Labels(iter_labels(file))
    if found := first_repeat(labels.ids):
        row, _ = found
        raise XlplError(f"id {labels.ids[row]!r} stands twice", file=file, line=row + 1, expected="every id once")
    return labels


def canonical(text: str) -> str:
    """Return the same words in NFC without characters of no width, so that what looks alike is alike."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


def _spelt(units: str) -> str:
    return " ".join(words_of_units(units.split()))
