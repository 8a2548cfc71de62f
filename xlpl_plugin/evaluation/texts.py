"""What is compared: the texts that a system wrote and the references, both keyed by utterance id."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.units import words_of_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labelling.provenance import decoded_with
from xlpl_plugin.labelling.records import LABELS_FILE, iter_labels

Script = Literal["native", "romanised"]


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


class _Label(NamedTuple):
    """What is kept of a record: a line of ``labels.jsonl`` holds much more."""

    words: str
    spelt: str
    greedy: str
    confidences: tuple[float, ...]
    alternatives: tuple[str, ...]


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
    native = {u.id: canonical(u.words) for u in utterances if u.words is not None}
    romanised = {u.id: " ".join(words_of_units(u.units.split())) for u in utterances if u.units is not None}
    return References(folder, split, native, romanised or None)


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
    spelt = {key: label.spelt for key, label in labels.items()}
    confidences = {key: label.confidences for key, label in labels.items() if label.confidences}
    if not lexicon and not lm:
        return [System(f"{name} greedy", "romanised", spelt, file, confidences)]
    greedy = System(f"{name} greedy", "romanised", {key: label.greedy for key, label in labels.items()}, file)
    if romanised or not lexicon:
        return [greedy, System(f"{name} LM", "romanised", spelt, file, confidences)]
    words = {key: label.words for key, label in labels.items()}
    alternatives = {key: label.alternatives for key, label in labels.items() if label.alternatives}
    return [greedy, System(f"{name} LM", "native", words, file, confidences, alternatives)]


def _decoder(labels: Path) -> tuple[bool, bool]:
    """Whether lexicon and LM were used, by the provenance beside the labels; without one they are taken for granted."""
    decoder = decoded_with(labels.parent)
    return (True, True) if decoder is None else (bool(decoder["lexicon"]), bool(decoder["lm"]))


def _read_words(path: Path, name: str) -> System:
    must_exist(path.with_suffix(".tsv"), "the manifest of the .wrd file, which names its lines")
    utterances = read_manifest(path.parent, path.stem).utterances
    return System(name, "native", {u.id: canonical(u.words or "") for u in utterances}, path)


def _read_labels(file: Path) -> dict[str, _Label]:
    labels: dict[str, _Label] = {}
    for number, record in enumerate(iter_labels(file), start=1):
        if record.id in labels:
            raise XlplError(f"id {record.id!r} stands twice", file=file, line=number, expected="every id once")
        labels[record.id] = _Label(
            words=canonical(record.text),
            spelt=_spelt(record.units),
            greedy=_spelt(record.greedy),
            confidences=record.word_confidences,
            alternatives=tuple(canonical(text) for text, _ in record.alternatives),
        )
    return labels


def canonical(text: str) -> str:
    """Return the same words in NFC without characters of no width, so that what looks alike is alike."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    return "".join(character for character in text if unicodedata.category(character) != "Cf")


def _spelt(units: str) -> str:
    return " ".join(words_of_units(units.split()))
