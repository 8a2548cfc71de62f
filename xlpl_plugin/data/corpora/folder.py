"""A folder of recordings; a transcript is a .txt of the same name beside its recording."""

from __future__ import annotations

from pathlib import Path

from xlpl_plugin.audio.reading import AUDIO_SUFFIXES
from xlpl_plugin.data.corpora.listing import Listing, Place, part_of
from xlpl_plugin.data.items import Item
from xlpl_plugin.files import read_lines, visible_files

_TABLES = (".tsv", ".csv", ".jsonl", ".parquet")


def recognise(source: Path) -> str:
    """Say what makes ``source`` a folder of recordings; '' if it is none."""
    return "any folder of recordings" if source.is_dir() else ""


def read(source: Path, listing: Listing) -> None:
    """List every recording below ``source``, also through links to folders; each folder is read once.

    Parts, where the corpus's division is asked for, are told by the names of folders.
    """
    again: list[Path] = []
    for folder, names in visible_files(source, again):
        recordings = [name for name in names if Path(name).suffix.lower() in AUDIO_SUFFIXES]
        transcripts = {Path(name).with_suffix(".txt").name for name in recordings}
        for name in recordings:
            _add(folder / name, source, listing)
        others = [name for name in names if name not in transcripts.union(recordings)]
        listing.passed_over.update(Path(name).suffix.lower() or "files without suffix" for name in others)
    listing.notes += [f"{path} leads to a folder that was read already" for path in again]
    tables = [suffix for suffix in _TABLES if listing.passed_over[suffix]]
    if tables:
        listing.notes.append(f"there is a {tables[0]} file; if it lists the recordings, name it instead of the folder")


def _add(audio: Path, source: Path, listing: Listing) -> None:
    transcript = audio.with_suffix(".txt")
    text = " ".join(read_lines(transcript)) if transcript.exists() else None
    inside = audio.relative_to(source)
    folder = inside.parent.as_posix()
    item = Item(inside.with_suffix("").as_posix(), audio, text)
    listing.add(item, Place(audio), folder if part_of(folder) else "")
