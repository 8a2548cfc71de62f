"""Mozilla's Common Voice: clips/ and the tables beside it, read plainly (a lone quotation mark is no quoting)."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.data.corpora.listing import Listing, first_line, need_folder, numbered_lines
from xlpl_plugin.data.corpora.tables import list_table

PARTS = ("train", "dev", "test")
_HEADER = {"client_id", "path", "sentence"}
# their transcripts were not confirmed, or were refused
_UNCONFIRMED = ("other", "invalidated")


def recognise(source: Path) -> str:
    """Say what makes ``source`` the corpus of one language, or one of its tables; '' if it is none."""
    if source.is_file():
        return "a table beside clips/" if (source.parent / "clips").is_dir() and _is_table(source) else ""
    tables = [name for name in ("validated", *PARTS) if _is_table(source / f"{name}.tsv")]
    return f"{tables[0]}.tsv with client_id, path and sentence" if tables else ""


def read(source: Path, listing: Listing) -> None:
    """List the validated clips, the official parts, or the one table that is named.

    Raises:
        XlplError: the clips are not there, or a table that cannot be read.
    """
    folder = source.parent if source.is_file() else source
    clips = need_folder(folder / "clips", "the release's clips beside its tables", "unpack the clips there as well")
    for table in _tables(source, listing):
        list_table(table, listing, root=clips, split=table.stem, suffix=".mp3")


def _is_table(file: Path) -> bool:
    return file.suffix == ".tsv" and set(first_line(file).split("\t")) >= _HEADER


def _tables(source: Path, listing: Listing) -> list[Path]:
    if source.is_file():
        return [source]
    for name in _UNCONFIRMED:
        if rows := _count_rows(source / f"{name}.tsv"):
            listing.passed_over[f"rows of {name}.tsv"] = rows
    parts = [table for name in PARTS if (table := source / f"{name}.tsv").is_file()]
    validated = source / "validated.tsv"
    if listing.division == "corpus":
        outside = _count_rows(validated) - sum(map(_count_rows, parts))
        listing.passed_over.update({"rows of validated.tsv in no part": outside} if outside > 0 else {})
        return parts
    return [validated] if validated.is_file() else parts


def _count_rows(table: Path) -> int:
    return sum(1 for _ in numbered_lines(table)) - 1 if table.is_file() else 0
