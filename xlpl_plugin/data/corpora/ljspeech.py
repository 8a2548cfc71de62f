"""LJ Speech's form, which many single-voice corpora share: metadata.csv of ``id|raw|normalised``, and wavs/."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.data.corpora.listing import (
    Listing,
    Place,
    error_at,
    first_line,
    need_folder,
    numbered_lines,
    separator_hint,
    sound_file,
)
from xlpl_plugin.data.items import Item

_TABLE = "metadata.csv"
_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus")


def recognise(source: Path) -> str:
    """Say what makes ``source`` a corpus of this form; '' if it is none."""
    first = first_line(source / _TABLE)
    # Hugging Face's metadata.csv has a header that names the column
    if "file_name" in first or not (source / _TABLE).is_file():
        return ""
    return f"{_TABLE} and wavs/" if "|" in first or (source / "wavs").is_dir() else ""


def read(source: Path, listing: Listing) -> None:
    """List the rows, with the normalised text where there is one: numbers are written as they are spoken.

    Raises:
        XlplError: no folder of recordings, or a line of another form.
    """
    wavs = need_folder(source / "wavs", f"wavs/ beside {_TABLE}", "unpack the recordings there as well")
    table = source / _TABLE
    for number, line in numbered_lines(table):
        place, cells = Place(table, number), line.split("|")
        if not 2 <= len(cells) <= 3:
            hint = separator_hint(line, "|")
            raise error_at(place, f"{len(cells)} cells", "id|text or id|text|normalised text, no header", hint)
        name = cells[0].strip().removesuffix(".wav")
        text = cells[-1].strip() or cells[1].strip()
        listing.add(Item(name, sound_file(wavs / (name or "."), _SUFFIXES), text or None), place)
