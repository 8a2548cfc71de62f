"""From labels to the folder that a native speaker gets: a table, sound files, an ELAN document and a page."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import MissingExtra
from xlpl_plugin.files import PART, make_folder, new_output, write_text
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.labelling.records import LabelRecord, iter_labels
from xlpl_plugin.picking.choose import Picked, choose_utterances, draw_utterances
from xlpl_plugin.picking.elan import elan_language, read_elan, write_elan
from xlpl_plugin.picking.page import render_page
from xlpl_plugin.picking.pick_options import PickOptions
from xlpl_plugin.picking.sound import Span, sound_names, write_sound
from xlpl_plugin.picking.table import TableRow, read_table, with_corrections, write_table
from xlpl_plugin.schema import check_options
from xlpl_plugin.text.language import find_language

TABLE_FILE, PAGE_FILE, ELAN_FILE, JOINED_FILE = "table.tsv", "index.html", "picked.eaf", "picked.wav"
FACTS_FILE, CORRECTED_FILE = "picked.json", "corrected.tsv"


@dataclass(frozen=True)
class Picks(JsonRecord):
    """``picked.json``: what was picked, the most useful first.

    Attributes:
        labels: the file that it was picked from.
        options: how.
        utterances, seconds: of all labels there.
        excluded: utterances of them that were corrected before.
        picked_seconds: of audio that were picked.
        notes: sentences that a user should see.
    """

    labels: str
    options: PickOptions
    utterances: int
    seconds: float
    excluded: int
    picked_seconds: float
    picked: tuple[Picked, ...]
    notes: tuple[str, ...] = ()

    holds = "what was picked"
    written_by = "`xlpl pick`"


def write_picks(
    labels: Path, manifest: Manifest, out: Path, options: PickOptions, *, exclude: Collection[str] = (), force: bool
) -> Picks:
    """Pick from ``labels`` and write the folder ``out``, whole or not at all.

    Args:
        labels: labels.jsonl.
        manifest: of the split that they are of.
        out: new or empty; with ``force`` what an earlier call wrote there is replaced, other files stay.
        options: how much, and how.
        exclude: ids that were corrected already.
        force: see ``out``.

    Raises:
        XlplError: an option that cannot be, an occupied folder, nothing that fits into the time, an utterance that the
            manifest lacks, a recording that cannot be read.
    """
    check_options(options)
    language = find_language(options.language).code if options.language else ""
    new_output(out, force=force)
    picks = _pick(labels, options, exclude)
    recordings = _recordings(picks, manifest)
    names = sound_names(recordings)
    rows = [_row(one, names[one.id]) for one in picks.picked]
    make_folder(out.absolute().parent)
    with TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.", suffix=PART) as work:
        made = Path(work)
        spans = write_sound(made, recordings, names, JOINED_FILE)
        picks = replace(picks, notes=_for_elan(made, rows, spans, out, language))
        write_text(made / PAGE_FILE, render_page(rows, [one.reason for one in picks.picked], language))
        picks.write(made / FACTS_FILE)
        write_table(made / TABLE_FILE, rows)
        _move(made, make_folder(out))
    return picks


def _recordings(picks: Picks, manifest: Manifest) -> dict[str, Path]:
    paths = {utterance.id: manifest.root / utterance.path for utterance in manifest.utterances}
    if missing := [one.id for one in picks.picked if one.id not in paths]:
        raise XlplError(
            f"{missing[0]!r} is none of the recordings that the run was given",
            file=picks.labels,
            expected="ids of the prepared folder that the run names",
            remedy="the folder was prepared anew: run `xlpl iterate` on it again",
        )
    return {one.id: paths[one.id] for one in picks.picked}


def _for_elan(
    made: Path, rows: Sequence[TableRow], spans: Mapping[str, Span], out: Path, language: str
) -> tuple[str, ...]:
    """Write what ELAN opens; return what is missing there."""
    known = elan_language(language) if language else None
    try:
        write_elan(made / ELAN_FILE, rows, spans, out / JOINED_FILE, known)
    except MissingExtra as error:
        (made / JOINED_FILE).unlink()
        return (f"{ELAN_FILE} is left out: {error.remedy}",)
    return (
        (f"ELAN knows no language {language!r}: the tiers of {ELAN_FILE} name none",) if language and not known else ()
    )


def _move(made: Path, out: Path) -> None:
    for new in sorted(made.iterdir()):
        old = out / new.name
        if old.is_dir():
            shutil.rmtree(old)
        new.replace(old)


def _pick(labels: Path, options: PickOptions, exclude: Collection[str]) -> Picks:
    utterances, seconds, excluded = 0, 0.0, 0

    def counted() -> Iterator[LabelRecord]:
        nonlocal utterances, seconds, excluded
        for record in iter_labels(labels):
            utterances, seconds = utterances + 1, seconds + record.seconds
            if record.id in exclude:
                excluded += 1
            else:
                yield record

    limit = 60 * options.minutes
    picked = draw_utterances(counted(), limit, options.seed) if options.random else choose_utterances(counted(), limit)
    if not picked:
        raise XlplError(
            f"of {utterances} utterances none is left that fits into {options.minutes:g} minutes",
            file=labels,
            expected="labels of utterances that were not corrected yet",
            remedy="raise --minutes, or leave out --exclude",
        )
    spent = round(sum(one.seconds for one in picked), 2)
    return Picks(str(labels), options, utterances, round(seconds, 2), excluded, spent, tuple(picked))


def _row(one: Picked, audio: str) -> TableRow:
    return TableRow(one.id, audio, f"{one.seconds:.2f}", " ".join(one.words), "", f"{one.confidence:.3f}")


def table_of_elan(document: Path, out: Path | None = None, *, force: bool = False) -> Sequence[TableRow]:
    """Write the table of a corrected ELAN document; return its rows that hold a transcript.

    Args:
        document: lies beside the table that was written with it.
        out: where to write; None: corrected.tsv beside it.
        force: overwrite.

    Raises:
        XlplError: as ``read_elan``; no table beside it, or one without an id that the document has.
    """
    out = new_output(out or document.with_name(CORRECTED_FILE), force=force)
    said, rows = read_elan(document), read_table(document.with_name(TABLE_FILE))
    if strange := said.keys() - {row.id for row in rows}:
        raise XlplError(
            f"the utterance {min(strange)!r} is not in {TABLE_FILE} beside it",
            file=document,
            expected="the table that was written together with the document",
            remedy="put the document back into the folder that `xlpl pick` wrote it into",
        )
    corrected = with_corrections(rows, said)
    write_table(out, corrected)
    return [row for row in corrected if row.transcript]
