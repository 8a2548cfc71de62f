"""GroupedItems, with or without transcripts, to a prepared folder: audio/, manifests, dict.ltr.txt, prepare.json."""

from __future__ import annotations

import logging
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from xlpl_plugin.concurrency import parallel_map
from xlpl_plugin.data.items import Item, ItemColumns
from xlpl_plugin.data.preparing.audio_files import AudioFiles, present_rows
from xlpl_plugin.data.preparing.convert import Converter
from xlpl_plugin.data.preparing.folder import PreparedFolder, fill_folder, publish
from xlpl_plugin.data.preparing.outcome import Outcome
from xlpl_plugin.data.preparing.reasons import Dropped, Reason
from xlpl_plugin.data.preparing.recordings import GroupedItems, plausible_rows
from xlpl_plugin.data.preparing.refusals import check_ids, leftovers, refuse_names_of_pieces, replaceable
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.preparing.space import needed_space, refuse_too_little
from xlpl_plugin.data.summary import PrepareReport, part_report
from xlpl_plugin.data.transcriber import LabelColumns, Labels, Transcriber, dictionary, make_transcriber
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder
from xlpl_plugin.schema import check_options
from xlpl_plugin.text.language import find_language

__all__ = ["PrepareOptions", "prepare"]

logger = logging.getLogger(__name__)

# bytes of recordings that a process takes at once, and the fewest that a recording counts as
_AT_ONCE, _LEAST = 1 << 21, 1 << 16


def prepare(
    items: Sequence[Item],
    out: str | Path,
    options: PrepareOptions,
    *,
    skipped: Mapping[str, str] = MappingProxyType({}),
    force: bool = False,
    temporary: Path | None = None,
) -> PrepareReport:
    """Write the prepared folder ``out`` (and ``options.references``) and return what was kept and dropped.

    The folders appear only when they are complete. ``skipped`` (id -> reason) joins the report.

    Args:
        temporary: a folder of audio that will not last: ``options.keep`` links to nothing in it.

    Raises:
        XlplError: a duplicate id, missing or unreadable audio (unless ``unusable`` is skip), too little space on the
            disk, nothing left, an occupied output.
    """
    check_options(options)
    options = replace(options, language=find_language(options.language).code)
    items = ItemColumns.of(items)
    check_ids(items)
    out = replaceable(out, force)
    references = replaceable(options.references, force) if options.references else None
    if references is not None and (references in out.parents or references == out or out in references.parents):
        raise XlplError("inside the prepared folder, or around it", file=references, expected="a folder apart from it")
    outcome = Outcome([Dropped(name, reason) for name, reason in skipped.items()])
    rows = _with_transcripts(items, outcome.dropped)
    files = AudioFiles(items, rows)
    rows = present_rows(items, rows, files, options, outcome.dropped)
    refuse_names_of_pieces(items, rows, options)
    transcriber = make_transcriber(options.language, options.speller, options.pieces, options.rules)
    labels = LabelColumns()
    rows = array("q", _transcribe(items, rows, transcriber, labels, outcome.dropped))
    make_folder(out.parent)
    outcome.notes += leftovers(out)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as work:
        new = Path(work) / "new"
        _convert(items, rows, labels, files, Converter(new, options, temporary), outcome)
        folder = fill_folder(items, labels, out / "audio", options, outcome)
        report = _report(options, len(items) + len(skipped), folder, outcome, transcriber)
        units = dictionary(map(labels.units, range(len(labels.words))), options.pieces)
        if references is not None:
            folder.write(Path(work) / "references", units, report)
            publish(Path(work) / "references", references)
        folder.write(new, units, report, labels=references is None)
        publish(new, out)
    return report


def _with_transcripts(items: ItemColumns, dropped: list[Dropped]) -> array[int]:
    """Leave out items without a transcript where others have one: their audio is not even looked at."""
    rows = array("q", range(len(items)))
    if not items.has_texts:
        return rows
    dropped += [Dropped(items.ids[row], Reason.NO_TRANSCRIPT) for row in rows if not items.texts[row].strip()]
    return array("q", (row for row in rows if items.texts[row].strip()))


def _transcribe(
    items: ItemColumns, rows: array[int], transcriber: Transcriber, labels: LabelColumns, dropped: list[Dropped]
) -> Iterator[int]:
    """Add the labels of the usable items, and yield their rows; where no item has a transcript, labels are empty."""
    for row in rows:
        text = items.text(row)
        label = Labels() if text is None else transcriber(text)
        if label.problem:
            dropped.append(Dropped(items.ids[row], label.problem))
        else:
            labels.put(row, label)
            yield row


def _convert(
    items: ItemColumns,
    rows: array[int],
    labels: LabelColumns,
    files: AudioFiles,
    converter: Converter,
    outcome: Outcome,
) -> None:
    """Write the audio; add what became of the items to ``outcome``."""
    options = converter.options
    usable = array("q", plausible_rows(items, rows, labels, options, outcome.dropped))
    space = needed_space(items, usable, files, options, converter.temporary)
    logger.info("%s", space)
    refuse_too_little(space, converter.folder.parent)
    recordings = GroupedItems(items, usable, labels, files)
    if recordings.overlaps:
        outcome.notes.append(f"{recordings.overlaps} segments begin before another of their recording has ended")
    results = parallel_map(
        converter,
        recordings,
        total=len(recordings),
        weight=lambda recording: max(recording.size, _LEAST) / _AT_ONCE,
        workers=options.workers,
        title="audio",
    )
    for result in results:
        outcome.add(result)
    outcome.refuse_nothing()


def _report(
    options: PrepareOptions, items: int, folder: PreparedFolder, outcome: Outcome, transcriber: Transcriber
) -> PrepareReport:
    return PrepareReport(
        language=options.language,
        speller=options.speller,
        seed=options.seed,
        items=items,
        parts=tuple(part_report(name, part, folder.spoken[name]) for name, part in folder.parts.items()),
        dropped=tuple(sorted(outcome.dropped, key=lambda drop: (drop.reason, drop.id))),
        dropped_characters=dict(transcriber.normalizer.dropped.most_common()),
        removed_notes=dict(transcriber.normalizer.removed.most_common()),
        cut=outcome.cut,
        left_out=outcome.left_out,
        linked=outcome.kept.linked,
        notes=tuple(outcome.notes),
        divided_by=folder.divided_by,
        licence=" ".join(options.licence.split()),
    )
