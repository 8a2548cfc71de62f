"""Corpora of LibriVox's audio books: Multilingual LibriSpeech (MLS) and LibriSpeech."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xlpl_plugin.data.corpora.listing import Listing, Place, error_at, folders, numbered_lines, part_of, sound_file
from xlpl_plugin.data.items import Item

# the originals, and the smaller variant of both
_SUFFIXES = (".flac", ".opus", ".ogg", ".wav", ".mp3")


def recognise_mls(source: Path) -> str:
    """Say what makes ``source`` one language of MLS; '' if it is none."""
    parts = _mls_parts(source)
    return f"{parts[0].name}/transcripts.txt" if parts else ""


def read_mls(source: Path, listing: Listing) -> None:
    """List train/, dev/ and test/: ``transcripts.txt`` of ``SPEAKER_BOOK_NUMBER<tab>text``, audio/SPEAKER/BOOK/.

    segments.txt tells where each recording stands in LibriVox's own file; it is not needed.

    Raises:
        XlplError: a line of another form.
    """
    for folder in _mls_parts(source):
        table = folder / "transcripts.txt"
        for number, line in numbered_lines(table):
            place = Place(table, number)
            name, tab, text = line.partition("\t")
            path = name.split("_")
            if not tab or len(path) != 3:
                raise error_at(place, f"cannot read the line {line[:60]!r}", "SPEAKER_BOOK_NUMBER, a tab, the text")
            audio = sound_file(folder / "audio" / path[0] / path[1] / name, _SUFFIXES)
            listing.add(Item(name, audio, text.strip() or None, speaker=path[0]), place, folder.name)


def _mls_parts(source: Path) -> list[Path]:
    if not source.is_dir():
        return []
    return [path for path in folders(source) if part_of(path.name) and (path / "transcripts.txt").is_file()]


def recognise_librispeech(source: Path) -> str:
    """Say what makes ``source`` LibriSpeech, or a part of it; '' if it is none."""
    table = next(_transcripts(source), None) if source.is_dir() else None
    return f"{table.relative_to(source)}" if table else ""


def read_librispeech(source: Path, listing: Listing) -> None:
    """List what the ``SPEAKER-CHAPTER.trans.txt`` name: lines of ``SPEAKER-CHAPTER-NUMBER text``, audio beside them.

    Raises:
        XlplError: a line of another form.
    """
    for table in sorted(_transcripts(source)):
        # dev-clean/1272/128104/1272-128104.trans.txt
        part = table.absolute().parent.parent.parent.name
        for number, line in numbered_lines(table):
            name, _, text = line.partition(" ")
            if name.count("-") != 2:
                expected = "SPEAKER-CHAPTER-NUMBER and the text"
                raise error_at(Place(table, number), f"cannot read the line {line[:60]!r}", expected)
            audio = sound_file(table.parent / name, _SUFFIXES)
            item = Item(name, audio, text.strip() or None, speaker=name.partition("-")[0])
            listing.add(item, Place(table, number), part)


def _transcripts(source: Path) -> Iterator[Path]:
    """Yield the tables at the depths that the corpus has, from a chapter's folder up to the whole."""
    for depth in range(4):
        yield from source.glob("*/" * depth + "*-*.trans.txt")
