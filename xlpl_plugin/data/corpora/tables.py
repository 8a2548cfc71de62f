"""Tables of recordings with named columns: .tsv, .csv and .jsonl."""

from __future__ import annotations

import csv
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import audio_info
from xlpl_plugin.data.corpora.listing import (
    Listing,
    Place,
    error_at,
    numbered_lines,
    parse_seconds,
    part_of,
    separator_hint,
    stretch_name,
)
from xlpl_plugin.data.items import Item
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines

Row = Mapping[str, str]

# our name of a column -> others that mean the same in well-known corpora and toolkits
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "audio": (
        *("path", "file", "file_name", "filename", "audio_file", "audio_path"),
        *("audio_filepath", "wav", "wav_filename"),
    ),
    "text": ("sentence", "transcript", "transcription", "normalized_text"),
    "id": ("utt_id", "utterance_id"),
    "speaker": ("client_id", "speaker_id", "spk_id"),
    "start": ("offset",),
    "end": (),
    "duration": (),
    "split": ("subset",),
    "channel": (),
    "rate": (),
}

_TIMES = ("start", "end", "duration")
_KNOWN = {name for ours, others in COLUMNS.items() for name in (ours, *others)}


def recognise(source: Path) -> str:
    """Say what makes ``source`` a table; '' if it is none."""
    return f"a {source.suffix} file" if source.is_file() and source.suffix in _ROWS else ""


def read(source: Path, listing: Listing) -> None:
    """List the rows of one table; paths are relative to its folder."""
    list_table(source, listing)


def list_table(table: Path, listing: Listing, *, root: Path | None = None, split: str = "", suffix: str = "") -> None:
    """List the rows of a table.

    Args:
        root: the folder that relative paths count from; None: the table's.
        split: the corpus's name of the part, where no column says it; else a folder in the path may.
        suffix: of audio files that are named without one.

    Raises:
        XlplError: no column of audio, two that could be it, a row of another length, a value that cannot be.
    """
    chosen: dict[tuple[str, ...], Mapping[str, str]] = {}
    for line, row in iter_rows(table):
        place, names = Place(table, line), tuple(row)
        if names not in chosen:
            chosen[names] = _columns(names, place if table.suffix == ".jsonl" else Place(table, 1), listing)
        values = {ours: row[theirs] for ours, theirs in chosen[names].items()}
        item = _item(values, root or table.parent, suffix, place)
        listing.add(item, place, values.get("split") or split or _part_folder(values["audio"]))


def iter_rows(table: Path) -> Iterator[tuple[int, Row]]:
    """Yield the number of a row's line and its cells by the names of their columns.

    Raises:
        XlplError: no table by its suffix, a row of another length, a column twice.
    """
    if table.suffix not in _ROWS:
        raise XlplError("no table by its name", file=table, expected=f"a file that ends in {', '.join(_ROWS)}")
    return _ROWS[table.suffix](table)


def choose_columns(names: Sequence[str], place: Place) -> dict[str, str]:
    """Return our name -> the table's for the columns that mean something here.

    Raises:
        XlplError: two columns could be the same thing.
    """
    chosen: dict[str, str] = {}
    for ours, others in COLUMNS.items():
        exact = [name for name in names if name.lower() == ours]
        found = exact or [name for name in names if name.lower() in others]
        if len(found) > 1:
            expected = f"one column that means {ours!r}"
            raise error_at(place, f"columns {' and '.join(map(repr, found))}", expected, f"call the right one {ours!r}")
        if found:
            chosen[ours] = found[0]
    # the duration of a whole recording says nothing new
    if "start" not in chosen:
        chosen.pop("duration", None)
    return chosen


def note_unused(names: Sequence[str], chosen: Mapping[str, str], listing: Listing) -> None:
    """Note the columns of a table that mean nothing here."""
    used = set(chosen.values())
    listing.unused_columns.update(dict.fromkeys(name for name in names if name not in used))


def _columns(names: Sequence[str], place: Place, listing: Listing) -> Mapping[str, str]:
    """Return what ``choose_columns`` does, where there is audio among them."""
    chosen = choose_columns(names, place)
    if "audio" not in chosen:
        separator = {".tsv": "\t", ".csv": ","}.get(place.file.suffix, "")
        expected = f"columns of {', '.join(COLUMNS)}, of which audio is needed"
        remedy = separator_hint(separator.join(names), separator) if separator else None
        raise error_at(place, "no column 'audio'", expected, remedy)
    note_unused(names, chosen, listing)
    return chosen


def _item(values: Row, root: Path, suffix: str, place: Place) -> Item:
    own = values["audio"]
    if not posixpath.basename(own):
        raise error_at(place, "no audio file is named", f"a path, relative to {root}")
    stem, given = posixpath.splitext(own)
    start, end, channel = _stretch(values, place)
    audio = Path(root, own if given else own + suffix)
    if values.get("rate"):
        _check_rate(values["rate"], audio, place)
    name = values.get("id") or stretch_name(_name(stem), start, end, channel)
    return Item(name, audio, values.get("text") or None, "", values.get("speaker", ""), start, end, channel)


def _name(stem: str) -> str:
    """Return the id of a recording that the table gives none: its path without suffix, below the table's folder."""
    inside = posixpath.basename(stem) if posixpath.isabs(stem) else stem
    return "/".join(part for part in inside.split("/") if part not in ("", ".", ".."))


def _part_folder(audio: str) -> str:
    """Return the folder of a path below the table where it is named like a part."""
    folder = "" if posixpath.isabs(audio) else posixpath.dirname(audio)
    return folder if folder and part_of(folder) else ""


def _stretch(values: Row, place: Place) -> tuple[float, float | None, int | None]:
    """Return start and end in seconds, and the channel."""
    times = {name: parse_seconds(values[name], name, place) for name in _TIMES if values.get(name)}
    start = times.get("start", 0.0)
    end = times.get("end", start + times["duration"] if "duration" in times else None)
    channel = values.get("channel", "")
    if channel and not channel.isdecimal():
        raise error_at(place, f"channel is {channel!r}", "a whole number, the first channel is 0")
    return start, end, int(channel) if channel else None


def _check_rate(declared: str, audio: Path, place: Place) -> None:
    """Compare with the file's header; of a file that is missing or damaged the preparation tells."""
    try:
        actual = SAMPLE_RATE if audio.suffix.lower() == ".g722" else audio_info(audio).rate
    except XlplError:
        return
    if declared != str(actual):
        raise error_at(
            place,
            f"declares {declared} Hz, but {audio.name} has {actual} Hz",
            "the file's own rate",
            "correct or leave out the column rate; files are resampled by what their header says",
        )


def _tsv_rows(table: Path) -> Iterator[tuple[int, Row]]:
    """Yield rows of plain cells: a quotation mark is one, and swallows nothing."""
    return _named_cells(((line, text.split("\t")) for line, text in numbered_lines(table)), table)


def _csv_rows(table: Path) -> Iterator[tuple[int, Row]]:
    return _named_cells(_csv_cells((f"{line}\n" for line in iter_lines(table)), table), table)


def _csv_cells(lines: Iterator[str], table: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise XlplError(
                f"not CSV: {error}",
                file=table,
                line=reader.line_num,
                expected='cells parted by commas, quoted by " where needed',
                remedy="export it again; without quoting, parted by tabs, it can be a .tsv",
            ) from error
        if cells is None:
            return
        if any(cells):
            yield reader.line_num, cells


def _named_cells(rows: Iterator[tuple[int, list[str]]], table: Path) -> Iterator[tuple[int, Row]]:
    first, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise XlplError(f"two columns {repeated[0]!r}", file=table, line=first, expected="every column once")
    for line, cells in rows:
        if len(cells) != len(names):
            raise XlplError(f"{len(cells)} cells", file=table, line=line, expected=f"{len(names)}, as in line {first}")
        yield line, dict(zip(names, cells, strict=True))


def _jsonl_rows(table: Path) -> Iterator[tuple[int, Row]]:
    for number, line in numbered_lines(table):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise XlplError(f"not JSON: {error}", file=table, line=number, expected="one JSON object a line") from error
        if not isinstance(row, dict):
            raise XlplError("not a JSON object", file=table, line=number, expected='{"audio": ..., "text": ...}')
        yield number, {key: _cell(key, value, Place(table, number)) for key, value in row.items()}


def _cell(name: str, value: object, place: Place) -> str:
    """Return the text of a value; one of a column that means nothing here may be of any kind."""
    if isinstance(value, dict | list | bool) and name.lower() in _KNOWN:
        raise error_at(place, f"{name!r} is no text or number", '{"audio": "a.wav", ...}')
    return "" if value is None else str(value)


_ROWS: Mapping[str, Callable[[Path], Iterator[tuple[int, Row]]]] = {
    ".tsv": _tsv_rows,
    ".csv": _csv_rows,
    ".jsonl": _jsonl_rows,
}
