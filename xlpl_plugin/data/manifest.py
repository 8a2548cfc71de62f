"""fairseq's audio manifests: ``{split}.tsv`` with, where there are labels, ``.wrd``, ``.ltr`` and ``.weight``.

The .tsv holds the audio root on its first line, then ``relpath<TAB>num_samples`` a line; the other files
have one line for each of those rows. An utterance's id is its relative path without the extension.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, read_lines


@dataclass(frozen=True)
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
    utterances: tuple[Utterance, ...]

    @property
    def ids(self) -> list[str]:
        return [utterance.id for utterance in self.utterances]

    @property
    def seconds(self) -> float:
        return sum(utterance.seconds for utterance in self.utterances)


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
    lines = read_lines(tsv)
    if not lines:
        raise XlplError("empty file", file=tsv, expected="the audio root on line 1, then relpath<TAB>num_samples")
    rows = [_parse_row(line, tsv, number) for number, line in enumerate(lines[1:], start=2)]
    _reject_duplicates(tsv, [path for path, _ in rows])
    columns = {
        suffix: _aligned(tsv, Path(folder) / f"{split}.{suffix}", len(rows)) if labels else None
        for suffix in ("wrd", units_suffix, "weight")
    }
    words, units, weights = columns["wrd"], columns[units_suffix], columns["weight"]
    utterances = tuple(
        Utterance(
            path=path,
            num_samples=samples,
            words=words[i] if words else None,
            units=units[i] if units else None,
            weight=_parse_weight(weights[i], tsv.with_suffix(".weight"), i + 1) if weights else 1.0,
        )
        for i, (path, samples) in enumerate(rows)
    )
    root = Path(lines[0])
    return Manifest(root if root.is_absolute() else (tsv.parent / root), utterances)


def write_manifest(folder: str | Path, split: str, manifest: Manifest) -> None:
    """Write the split's files, label files only where every utterance has that label.

    Raises:
        XlplError: an id twice, or labels of some utterances only.
    """
    folder = Path(folder)
    utterances: Sequence[Utterance] = manifest.utterances
    _reject_duplicates(folder / f"{split}.tsv", [utterance.path for utterance in utterances])
    columns = []
    for suffix, column in (("wrd", [u.words for u in utterances]), ("ltr", [u.units for u in utterances])):
        present = sum(value is not None for value in column)
        if present and present != len(column):
            raise XlplError(
                f"only {present} of {len(column)} utterances have labels", file=folder / f"{split}.{suffix}"
            )
        if present:
            columns.append(suffix)
    if any(utterance.weight != 1.0 for utterance in utterances):
        columns.append("weight")
    with open_manifest(folder, split, manifest.root, columns) as add:
        for utterance in utterances:
            add(utterance)


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


def _parse_weight(text: str, file: Path, line: int) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 <= weight < float("inf"):
        raise XlplError(f"weight {text!r}", file=file, line=line, expected="a number >= 0")
    return weight


def _reject_duplicates(tsv: Path, paths: list[str]) -> None:
    seen: dict[str, int] = {}
    counts = Counter(utterance_id(path) for path in paths)
    for number, path in enumerate(paths, start=2):
        name = utterance_id(path)
        if counts[name] > 1 and name in seen:
            raise XlplError(
                f"duplicate id {name!r}, first on line {seen[name]}",
                file=tsv,
                line=number,
                expected="every relpath once (the extension does not count)",
                remedy="rename one of the files",
            )
        seen[name] = number


def _aligned(tsv: Path, file: Path, rows: int) -> list[str] | None:
    if not file.exists():
        return None
    lines = read_lines(file)
    if len(lines) != rows:
        raise XlplError(
            f"{len(lines)} lines, but {tsv.name} has {rows} utterances",
            file=file,
            line=min(len(lines), rows) + 1,
            expected=f"one line for each of the {rows} rows of {tsv.name}",
            remedy="prepare the folder again; lines were lost or added",
        )
    return lines
