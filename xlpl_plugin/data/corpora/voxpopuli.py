"""VoxPopuli's transcribed recordings of one language: asr_*.tsv, and the recordings below the same folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from xlpl_plugin.audio.reading import AUDIO_SUFFIXES
from xlpl_plugin.data.corpora.listing import Listing, Place, error_at, first_line, numbered_lines
from xlpl_plugin.data.items import Item

# of the cut recordings (with tabs), and of the annotations that they are cut by (with '|')
_RAW = ("raw_text", "original_text")
_NORMALISED = ("normalized_text", "normed_text")


def recognise(source: Path) -> str:
    """Say what makes ``source`` one language of the corpus; '' if it is none."""
    tables = _tables(source)
    return tables[0].name if tables else ""


def read(source: Path, listing: Listing) -> None:
    """List the rows, with the normalised text where there is one: numbers are written as they are spoken.

    The recordings lie by year (YEAR/ID.ogg) or by pieces of the archive (train_part_0/ID.wav).

    Raises:
        XlplError: a table without the columns that it must have, or a row of another length.
    """
    sounds = _sounds(source)
    for table in _tables(source):
        for place, row in _rows(table):
            name = row["id"] if "id" in row else f"{row['session_id']}-{row['id_']}"
            text = _first(row, _NORMALISED) or _first(row, _RAW)
            audio = sounds.get(name, source / name[:4] / f"{name}.ogg")
            item = Item(name, audio, text or None, speaker=row.get("speaker_id", ""))
            listing.add(item, place, row.get("split") or table.stem)


def _tables(source: Path) -> list[Path]:
    found = sorted(source.glob("asr_*.tsv")) if source.is_dir() else []
    return [table for table in found if any(name in first_line(table) for name in _RAW + _NORMALISED)]


def _sounds(source: Path) -> Mapping[str, Path]:
    """Return name without suffix -> file, for all recordings below ``source``."""
    found = ((folder, os.path.splitext(name)) for folder, _, names in os.walk(source) for name in names)
    return {stem: Path(folder, stem + suffix) for folder, (stem, suffix) in found if suffix.lower() in AUDIO_SUFFIXES}


def _rows(table: Path) -> Iterator[tuple[Place, dict[str, str]]]:
    lines = numbered_lines(table)
    first, line = next(lines)
    separator = "|" if "|" in line else "\t"
    names = line.split(separator)
    if "id" not in names and not {"session_id", "id_"} <= set(names):
        raise error_at(Place(table, first), "no column 'id'", "columns id, raw_text, normalized_text, speaker_id, ...")
    for number, line in lines:
        cells = line.split(separator)
        if len(cells) != len(names):
            raise error_at(Place(table, number), f"{len(cells)} cells", f"{len(names)}, as in line {first}")
        yield Place(table, number), dict(zip(names, cells, strict=True))


def _first(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")
