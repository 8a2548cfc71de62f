"""FLEURS: tables without a header (train, dev, test), and the recordings below audio/ or beside the tables."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.data.corpora.listing import Listing, Place, error_at, first_line, numbered_lines, separator_hint
from xlpl_plugin.data.items import Item

PARTS = ("train", "dev", "test")
# id of the sentence, file, raw transcript, normalised transcript, its letters, samples, gender
_CELLS = 7


def recognise(source: Path) -> str:
    """Say what makes ``source`` one language of the corpus; '' if it is none."""
    tables = [part for part in PARTS if _is_table(source / f"{part}.tsv")]
    return f"{tables[0]}.tsv of {_CELLS} columns without a header" if tables else ""


def read(source: Path, listing: Listing) -> None:
    """List the rows by the names of their files: three people and more read the same sentence, so its id repeats.

    Raises:
        XlplError: a row of another form.
    """
    for part in PARTS:
        table = source / f"{part}.tsv"
        if not table.is_file():
            listing.notes.append(f"there is no {table.name}")
            continue
        folder = next((path for path in (source / "audio" / part, source / part) if path.is_dir()), source / "audio")
        for number, line in numbered_lines(table):
            place, cells = Place(table, number), line.split("\t")
            if len(cells) != _CELLS:
                hint = separator_hint(line, "\t")
                raise error_at(place, f"{len(cells)} cells", f"{_CELLS}: id, file, two transcripts, ...", hint)
            _, name, raw, plain, *_ = cells
            # the normaliser does its own, and needs the marks of numbers
            listing.add(Item(name.removesuffix(".wav"), folder / name, raw.strip() or plain or None), place, part)


def _is_table(file: Path) -> bool:
    cells = first_line(file).split("\t")
    return len(cells) >= _CELLS - 1 and cells[1].endswith(".wav")
