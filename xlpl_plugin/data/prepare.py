"""GroupedItems, with or without transcripts, to a prepared folder: audio/, manifests, dict.ltr.txt, prepare.json."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from xlpl_plugin.concurrency import parallel_map
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.preparing.convert import Converter
from xlpl_plugin.data.preparing.folder import PreparedFolder, fill_folder, publish
from xlpl_plugin.data.preparing.outcome import Outcome
from xlpl_plugin.data.preparing.reasons import Dropped, Reason
from xlpl_plugin.data.preparing.recordings import GroupedItems, plausible_items, present_items
from xlpl_plugin.data.preparing.refusals import check_ids, leftovers, refuse_names_of_pieces, replaceable
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.preparing.space import needed_space, refuse_too_little
from xlpl_plugin.data.summary import PrepareReport, part_report
from xlpl_plugin.data.transcriber import Labels, Transcriber, dictionary, make_transcriber
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
    check_ids(items)
    out = replaceable(out, force)
    references = replaceable(options.references, force) if options.references else None
    if references is not None and (references in out.parents or references == out or out in references.parents):
        raise XlplError("inside the prepared folder, or around it", file=references, expected="a folder apart from it")
    outcome = Outcome([Dropped(name, reason) for name, reason in skipped.items()])
    usable = _with_transcripts(items, outcome.dropped)
    present = {item.id: item for item in present_items(usable, options, outcome.dropped)}
    refuse_names_of_pieces(present.values(), options)
    transcriber = make_transcriber(options.language, options.speller, options.pieces, options.rules)
    labels = _transcribe(present.values(), transcriber, outcome.dropped)
    make_folder(out.parent)
    outcome.notes += leftovers(out)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as work:
        new = Path(work) / "new"
        _convert(present.values(), labels, Converter(new, options, temporary), outcome)
        folder = fill_folder(present, labels, out / "audio", options, outcome)
        report = _report(options, len(items) + len(skipped), folder, outcome, transcriber)
        units = dictionary((label.units for label in labels.values() if label.units), options.pieces)
        if references is not None:
            folder.write(Path(work) / "references", units, report)
            publish(Path(work) / "references", references)
        folder.write(new, units, report, labels=references is None)
        publish(new, out)
    return report


def _with_transcripts(items: Sequence[Item], dropped: list[Dropped]) -> Sequence[Item]:
    """Leave out items without a transcript where others have one: their audio is not even looked at."""
    if all(item.text is None for item in items):
        return items
    dropped += [Dropped(item.id, Reason.NO_TRANSCRIPT) for item in items if not (item.text or "").strip()]
    return [item for item in items if (item.text or "").strip()]


def _transcribe(items: Collection[Item], transcriber: Transcriber, dropped: list[Dropped]) -> dict[str, Labels]:
    """Return the labels of the usable items; all None where no item has a transcript."""
    labels: dict[str, Labels] = {}
    for item in items:
        label = Labels() if item.text is None else transcriber(item.text)
        if label.problem:
            dropped.append(Dropped(item.id, label.problem))
        else:
            labels[item.id] = label
    return labels


def _convert(items: Iterable[Item], labels: Mapping[str, Labels], converter: Converter, outcome: Outcome) -> None:
    """Write the audio; add what became of the items to ``outcome``."""
    options = converter.options
    letters = {name: label.letters for name, label in labels.items()}
    labelled = (item for item in items if item.id in labels)
    usable = list(plausible_items(labelled, letters, options, outcome.dropped))
    space = needed_space(usable, options, converter.temporary)
    logger.info("%s", space)
    refuse_too_little(space, converter.folder.parent)
    recordings = GroupedItems(usable, letters)
    if recordings.overlaps:
        outcome.notes.append(f"{recordings.overlaps} segments begin before another of their recording has ended")
    results = parallel_map(
        converter,
        recordings,
        total=len(recordings),
        weight=lambda recording: max(recordings.bytes[recording.audio], _LEAST) / _AT_ONCE,
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
        parts=tuple(part_report(name, part, folder.speakers.of) for name, part in folder.parts.items()),
        dropped=tuple(sorted(outcome.dropped, key=lambda drop: (drop.reason, drop.id))),
        dropped_characters=dict(transcriber.normalizer.dropped.most_common()),
        removed_notes=dict(transcriber.normalizer.removed.most_common()),
        cut=outcome.cut,
        left_out=outcome.left_out,
        linked=sum(one.linked for one in outcome.kept),
        notes=tuple(outcome.notes),
        divided_by=folder.divided_by,
        licence=" ".join(options.licence.split()),
    )
