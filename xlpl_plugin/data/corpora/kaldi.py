"""Kaldi's data folders: wav.scp, and segments, text, utt2spk and reco2file_and_channel where they are there."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.data.columns import ColumnMapping, RowsOf, TextColumn, first_repeat
from xlpl_plugin.data.corpora.listing import (
    Listing,
    Place,
    error_at,
    folders,
    numbered_lines,
    parse_seconds,
    resolve_below,
)
from xlpl_plugin.data.items import Item

# a piece of an archive is named by the byte that it begins at
_INSIDE_ARCHIVE = re.compile(r"\.ark:\d+(\[.*\])?$")
_CHANNEL = re.compile(r"[A-H]|[1-8]")


@dataclass(frozen=True)
class _Line:
    """One line of a file: what it says after the key, and where."""

    rest: str
    place: Place


def recognise(source: Path) -> str:
    """Say what makes ``source`` a data folder, or a folder of such; '' if it is none."""
    found = _data_folders(source)
    if not found:
        return ""
    return "wav.scp" if found == [source] else f"{found[0].name}/wav.scp"


def read(source: Path, listing: Listing) -> None:
    """List the utterances of each data folder; a part is the name of its folder.

    Raises:
        XlplError: a command where a file belongs (it is never run), a segment of a recording that wav.scp lacks,
            a line of another form, a key twice.
    """
    for folder in _data_folders(source):
        _read_folder(folder, listing)


def _data_folders(source: Path) -> list[Path]:
    if not source.is_dir():
        return []
    return [path for path in [source, *folders(source)] if (path / "wav.scp").is_file()]


def _read_folder(folder: Path, listing: Listing) -> None:
    recordings, texts, speakers = (_table(folder / name) for name in ("wav.scp", "text", "utt2spk"))
    sounds = recordings.of_same_keys(TextColumn(str(_sound(line, folder)) for line in recordings.values()))
    named = _table(folder / "reco2file_and_channel")
    channels = named.of_same_keys(array("i", map(_channel, named.values())))
    segments = _table(folder / "segments") or recordings
    whole, nothing = not (folder / "segments").is_file(), _Line("", Place(folder))
    for name, line in segments.items():
        recording, start, end = (name, 0.0, None) if whole else _segment(line)
        sound = sounds.get(recording)
        if sound is None:
            raise error_at(line.place, f"no recording {recording!r}", f"one of {folder / 'wav.scp'}")
        speaker = speakers.get(name, nothing).rest
        # Kaldi's way to say that nobody knows who speaks: each utterance has its own speaker
        speaker = "" if speaker == name else speaker
        text, channel = texts.get(name, nothing).rest, channels.get(recording)
        listing.add(Item(name, Path(sound), text or None, "", speaker, start, end, channel), line.place, folder.name)
    if lost := sum(name not in segments for name in texts):
        listing.passed_over["lines of text without a recording"] += lost


def _table(file: Path) -> ColumnMapping[_Line]:
    """Return key -> line of a file that may be absent."""
    keys, rests, numbers = TextColumn(), TextColumn(), array("q")
    for number, text in numbered_lines(file) if file.is_file() else ():
        key, _, rest = text.strip().replace("\t", " ", 1).partition(" ")
        keys.append(key)
        rests.append(rest.strip())
        numbers.append(number)
    if found := first_repeat(keys):
        place, first = (Place(file, numbers[row]) for row in found)
        raise error_at(place, f"duplicate id {keys[found[0]]!r}, first on line {first.line}", "every id once")
    return ColumnMapping(keys, RowsOf(lambda row: _Line(rests[row], Place(file, numbers[row])), range(len(keys))))


def _sound(line: _Line, folder: Path) -> Path:
    if line.rest.endswith("|"):
        raise error_at(
            line.place,
            f"a command stands where a file belongs: {line.rest[:60]}",
            "the path of a recording",
            "no command in a file is ever run: run it yourself, once for each recording, into files, and name those",
        )
    if not line.rest or _INSIDE_ARCHIVE.search(line.rest):
        raise error_at(
            line.place,
            f"no path of a recording: {line.rest!r}",
            "a file",
            "write the recordings of the archive to files",
        )
    return resolve_below(line.rest, folder)


def _segment(line: _Line) -> tuple[str, float, float | None]:
    """Return recording, start and end in seconds; an end of -1 is the recording's."""
    cells = line.rest.split()
    if len(cells) != 3:
        raise error_at(line.place, f"{len(cells) + 1} cells", "utterance, recording, start, end")
    start, end = (parse_seconds(cell, what, line.place) for cell, what in zip(cells[1:], ("start", "end"), strict=True))
    return cells[0], start, None if end == -1 else end


def _channel(line: _Line) -> int:
    """Return the channel from 0 of a line of reco2file_and_channel."""
    mark = line.rest.split()[-1] if line.rest else ""
    if not _CHANNEL.fullmatch(mark):
        raise error_at(line.place, f"channel {mark!r}", "recording, file, and A, B, ... or 1, 2, ...")
    return ord(mark) - ord("A" if mark.isalpha() else "1")
