"""What a prepared folder holds beside the audio."""

from __future__ import annotations

import os
import shutil
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.columns import ColumnMapping, Numbers, RowsOf, sorted_rows
from xlpl_plugin.data.items import ItemColumns
from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.preparing.divide import Divisible, divide
from xlpl_plugin.data.preparing.kept import KeptColumns
from xlpl_plugin.data.preparing.outcome import Outcome
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.segments import Segment, Segments, Speakers
from xlpl_plugin.data.split import PARTS
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.data.transcriber import LabelColumns
from xlpl_plugin.data.units import write_units
from xlpl_plugin.data.utterances import UtteranceColumns
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder


@dataclass(frozen=True)
class PreparedFolder:
    """Parts, and what is known of their utterances."""

    parts: Mapping[str, Manifest]
    segments: Segments
    speakers: Speakers
    # part -> who speaks in each of its utterances; empty: not known
    spoken: Mapping[str, Sequence[str]]
    # what the division went by
    divided_by: str

    def write(self, folder: Path, units: Sequence[str], report: PrepareReport, *, labels: bool = True) -> None:
        """Write it to ``folder``; without ``labels`` no transcript."""
        for part, manifest in self.parts.items():
            write_manifest(folder, part, manifest if labels else _without_labels(manifest))
        write_units(folder, units)
        self.segments.write(folder)
        self.speakers.write(folder)
        report.write(folder / REPORT)


class EmptyPartError(XlplError):
    """A part whose share is not 0 got nothing: the utterances are few."""


def fill_folder(
    items: ItemColumns, labels: LabelColumns, audio: Path, options: PrepareOptions, outcome: Outcome
) -> PreparedFolder:
    """Divide what was kept into parts; remarks go to the notes of ``outcome``.

    Args:
        audio: where the files will be in the end.

    Raises:
        EmptyPartError: a part would be empty.
    """
    kept = outcome.kept
    order = sorted_rows(kept.ids)
    rows = array("q", (kept.rows[place] for place in order))
    speakers = RowsOf(items.speakers.__getitem__, rows)
    utterances = Divisible(
        names=RowsOf(kept.ids.__getitem__, order),
        sentences=RowsOf(lambda place: labels.sentences(kept.rows[place]) or (kept.ids[place],), order),
        samples=array("q", (kept.samples[place] for place in order)),
        speakers=speakers,
        recordings=RowsOf(lambda place: items.audio[kept.rows[place]] if kept.recordings[place] else "", order),
        fixed=RowsOf(items.parts.__getitem__, rows),
    )
    division = divide(utterances, options)
    outcome.notes += [*division.notes, *_long_note(kept, order, labels, options)]
    chosen = {part: division.parts.rows_of(part) for part in PARTS}
    if not all(utterances.fixed):
        _refuse_empty(chosen, options)
    found = {part: rows for part, rows in chosen.items() if len(rows)}
    return PreparedFolder(
        {part: Manifest(audio, _columns(kept, _some(order, rows), labels)) for part, rows in found.items()},
        Segments(_segments(kept, order)),
        Speakers(_known(utterances.names, speakers)),
        {part: speakers.take(rows) for part, rows in found.items()},
        division.by,
    )


def _some(order: array[int], rows: Numbers) -> array[int]:
    return array("q", np.frombuffer(order, np.int64)[rows].tobytes())


def _columns(kept: KeptColumns, order: Sequence[int], labels: LabelColumns) -> UtteranceColumns:
    rows = array("q", (kept.rows[place] for place in order))
    return UtteranceColumns(
        RowsOf(kept.file, order),
        (kept.samples[place] for place in order),
        RowsOf(labels.words.__getitem__, rows) if labels.labelled else None,
        RowsOf(labels.units, rows) if labels.labelled else None,
    )


def _segments(kept: KeptColumns, order: Sequence[int]) -> Sequence[Segment]:
    return RowsOf(kept.segment, (place for place in order if kept.recordings[place]))


def _known(names: Sequence[str], speakers: Sequence[str]) -> Mapping[str, str]:
    """Return who speaks, by the name of the utterance, where that is known."""
    rows = array("q", (row for row, speaker in enumerate(speakers) if speaker))
    return ColumnMapping(RowsOf(names.__getitem__, rows), RowsOf(speakers.__getitem__, rows))


def _refuse_empty(rows: Mapping[str, Numbers], options: PrepareOptions) -> None:
    wanted = {"train": 1.0, "valid": options.valid, "test": options.test}
    empty = [part for part in PARTS if wanted[part] > 0 and not len(rows[part])]
    if empty:
        raise EmptyPartError(
            f"the {empty[0]} part would be empty ({sum(map(len, rows.values()))} utterances are usable)",
            expected="something in each part whose share is not 0",
            remedy="give that part a larger share, 0, or take another seed",
        )


def _long_note(kept: KeptColumns, order: Sequence[int], labels: LabelColumns, options: PrepareOptions) -> list[str]:
    """Warn of long recordings that could not be cut, since one transcript does not say which words are where."""
    seconds = ((place, kept.samples[place] / SAMPLE_RATE) for place in order if not kept.recordings[place])
    long = [length for place, length in seconds if length > options.cut_above > 0 and labels.words[kept.rows[place]]]
    if not long:
        return []
    return [
        f"{len(long)} recordings with one transcript are longer than {options.cut_above:g} s ({sum(long) / 3600:.1f} "
        "hours) and are kept whole: trainings may leave out what is longer than they take. Segments with a transcript "
        "each (start and end) would be used"
    ]


def _without_labels(manifest: Manifest) -> Manifest:
    return Manifest(manifest.root, UtteranceColumns.of(manifest.utterances).without_texts())


def publish(folder: Path, target: Path) -> None:
    """Move a complete folder into place, when all of it is on the disk."""
    os.sync()
    if target.exists():
        shutil.rmtree(target)
    make_folder(target.parent)
    shutil.move(folder, target)
