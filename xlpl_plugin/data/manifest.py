"""fairseq's audio manifests: ``{split}.tsv``, and where there are labels ``.wrd``, ``.ltr``, ``.weight``, ``.stretch``.

The .tsv holds the audio root on its first line, then ``relpath<TAB>num_samples`` a line; the other files
have one line for each of those rows. An utterance's id is its relative path without the extension. A line of .stretch
says which part of the recording the row is, ``first-end`` in samples; it is empty where it is the whole.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.columns import TextColumn, first_repeat
from xlpl_plugin.data.utterances import Utterance, UtteranceColumns, ids_of, stretch_line
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, iter_lines


@dataclass(frozen=True)
class Manifest:
    """A split: the folder that the paths are relative to, and its utterances in order."""

    root: Path
    utterances: Sequence[Utterance]

    @property
    def ids(self) -> list[str]:
        return list(ids_of(self.utterances))

    @property
    def seconds(self) -> float:
        if isinstance(self.utterances, UtteranceColumns):
            return sum(samples / SAMPLE_RATE for samples in self.utterances.samples_heard.tolist())
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
    lines = iter_lines(tsv)
    first = next(lines, None)
    if first is None:
        raise XlplError("empty file", file=tsv, expected="the audio root on line 1, then relpath<TAB>num_samples")
    paths, samples = TextColumn(), array("q")
    for number, line in enumerate(lines, start=2):
        path, length = _parse_row(line, tsv, number)
        paths.append(path)
        samples.append(length)
    columns = {
        suffix: _aligned(tsv, Path(folder) / f"{split}.{suffix}", len(paths)) if labels else None
        for suffix in ("wrd", units_suffix, "weight", "stretch")
    }
    weights, stretches = columns["weight"], columns["stretch"]
    if stretches is not None:
        _check_stretches(stretches, samples, tsv.with_suffix(".stretch"))
    utterances = UtteranceColumns(
        paths,
        samples,
        columns["wrd"],
        columns[units_suffix],
        None if weights is None else _parse_weights(weights, tsv.with_suffix(".weight")),
        stretches,
    )
    _reject_duplicates(tsv, utterances)
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
    _reject_duplicates(folder / f"{split}.tsv", utterances)
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
    told = {"weight": any(row.weight != 1.0 for row in utterances), "stretch": any(row.stretch for row in utterances)}
    return [*columns, *(suffix for suffix, is_told in told.items() if is_told)]


@contextmanager
def open_manifest(
    folder: str | Path, split: str, root: Path, columns: Sequence[str]
) -> Iterator[Callable[[Utterance], None]]:
    """Write a split one utterance at a time: the block gets a function that adds one.

    The root is written as an absolute path (fairseq reads it as it stands). All files come into place at the end of
    the block, the .tsv last, so that a reader that finds it finds the rest; files beside a former .tsv of this split
    that have no part in it are removed.

    Args:
        folder: of the split.
        split: its name.
        root: what the utterances' paths are relative to.
        columns: which of wrd, ltr, weight and stretch to write beside the .tsv.
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
        remove_split(folder, split, but=("tsv", *columns))


def remove_split(folder: str | Path, split: str, *, but: Sequence[str] = ()) -> None:
    """Remove the files of a split that there are, the .tsv first, all but those of some suffixes."""
    for suffix in ("tsv", *_COLUMNS):
        if suffix not in but:
            (Path(folder) / f"{split}.{suffix}").unlink(missing_ok=True)


_COLUMNS: Mapping[str, Callable[[Utterance], str]] = {
    "wrd": lambda utterance: utterance.words or "",
    "ltr": lambda utterance: utterance.units or "",
    "weight": lambda utterance: f"{utterance.weight:.6g}",
    "stretch": lambda utterance: stretch_line(utterance.stretch),
}


def _check_stretches(lines: Iterable[str], samples: Iterable[int], file: Path) -> None:
    for number, (line, length) in enumerate(zip(lines, samples, strict=True), start=1):
        bounds = re.fullmatch(r"(\d+)-(\d+)", line, re.ASCII)
        if line and not (bounds and int(bounds[1]) < int(bounds[2]) <= length):
            raise XlplError(
                f"cannot use the stretch {line!r} of {length} samples",
                file=file,
                line=number,
                expected="first-end inside the recording, or nothing for the whole",
            )


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


def _reject_duplicates(tsv: Path, utterances: Sequence[Utterance]) -> None:
    ids = TextColumn(ids_of(utterances))
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
