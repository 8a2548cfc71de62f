"""What a prepared folder holds beside the audio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import Manifest, Utterance, UtteranceColumns, write_manifest
from xlpl_plugin.data.preparing.convert import Kept
from xlpl_plugin.data.preparing.divide import Divisible, divide
from xlpl_plugin.data.preparing.outcome import Outcome
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.segments import Segment, Segments, Speakers
from xlpl_plugin.data.split import PARTS
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.data.transcriber import Labels
from xlpl_plugin.data.units import write_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder


@dataclass(frozen=True)
class PreparedFolder:
    """Parts, and what is known of their utterances."""

    parts: Mapping[str, Manifest]
    segments: Segments
    speakers: Speakers
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
    items: Mapping[str, Item], labels: Mapping[str, Labels], audio: Path, options: PrepareOptions, outcome: Outcome
) -> PreparedFolder:
    """Divide what was kept into parts; remarks go to the notes of ``outcome``.

    Args:
        audio: where the files will be in the end.

    Raises:
        EmptyPartError: a part would be empty.
    """
    kept = sorted(outcome.kept, key=lambda one: one.id)
    speakers = {one.id: items[one.item].speaker for one in kept if items[one.item].speaker}
    utterances = Divisible(
        sentences={one.id: labels[one.item].sentences or (one.id,) for one in kept},
        samples={one.id: one.samples for one in kept},
        speakers=speakers,
        recordings={one.id: str(items[one.item].audio) for one in kept if one.recording},
        fixed={one.id: items[one.item].part for one in kept if items[one.item].part},
    )
    division = divide(utterances, options)
    outcome.notes += [*division.notes, *_long_note(kept, labels, options)]
    rows: dict[str, list[Kept]] = {part: [] for part in PARTS}
    for one in kept:
        rows[division.parts[one.id]].append(one)
    if len(utterances.fixed) < len(kept):
        _refuse_empty(rows, options)
    parts = {part: Manifest(audio, _columns(rows[part], labels)) for part in PARTS if rows[part]}
    segments = tuple(Segment(one.id, one.recording, one.start, one.end) for one in kept if one.recording)
    return PreparedFolder(parts, Segments(segments), Speakers(speakers), division.by)


def _columns(kept: Sequence[Kept], labels: Mapping[str, Labels]) -> Sequence[Utterance]:
    rows = [Utterance(one.file, one.samples, labels[one.item].words, labels[one.item].units) for one in kept]
    return UtteranceColumns.of(rows)


def _refuse_empty(rows: Mapping[str, Sequence[Kept]], options: PrepareOptions) -> None:
    wanted = {"train": 1.0, "valid": options.valid, "test": options.test}
    empty = [part for part in PARTS if wanted[part] > 0 and not rows[part]]
    if empty:
        raise EmptyPartError(
            f"the {empty[0]} part would be empty ({sum(map(len, rows.values()))} utterances are usable)",
            expected="something in each part whose share is not 0",
            remedy="give that part a larger share, 0, or take another seed",
        )


def _long_note(kept: Sequence[Kept], labels: Mapping[str, Labels], options: PrepareOptions) -> list[str]:
    """Warn of long recordings that could not be cut, since one transcript does not say which words are where."""
    seconds = [one.samples / SAMPLE_RATE for one in kept if labels[one.item].words and not one.recording]
    long = [length for length in seconds if length > options.cut_above > 0]
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
