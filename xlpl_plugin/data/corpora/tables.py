"""What a folder or a table of recordings lists: id, audio file, transcript."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import AUDIO_SUFFIXES, audio_info
from xlpl_plugin.data.items import Item
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, read_lines

COLUMNS = ("id", "audio", "text", "rate")


def read_items(source: str | Path) -> list[Item]:
    """List the recordings of a folder, or of a .tsv or .jsonl table.

    Raises:
        XlplError: nothing to read, a malformed line, missing audio, a duplicate id, a rate that is not the file's.
    """
    source = must_exist(source, "a folder, or a .tsv or .jsonl table")
    if source.is_dir():
        items = _folder_items(source)
    elif source.suffix in (".tsv", ".jsonl"):
        items = _table_items(source)
    else:
        raise XlplError(f"unknown kind of table {source.suffix!r}", file=source, expected="a folder, .tsv or .jsonl")
    if not items:
        raise XlplError(
            "lists no recordings", file=source, expected=f"audio files ({', '.join(sorted(AUDIO_SUFFIXES))})"
        )
    return items


def _folder_items(folder: Path) -> list[Item]:
    """Every audio file below ``folder``; a transcript is a .txt of the same name beside it."""
    items = []
    for audio in sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES):
        transcript = audio.with_suffix(".txt")
        text = " ".join(read_lines(transcript)) if transcript.exists() else None
        items.append(Item(audio.relative_to(folder).with_suffix("").as_posix(), audio, text))
    return items


def _table_items(table: Path) -> list[Item]:
    rows = _tsv_rows(table) if table.suffix == ".tsv" else _jsonl_rows(table)
    items, seen = [], dict[str, int]()
    for line, row in rows:
        item = _item(row, table, line)
        if item.id in seen:
            raise XlplError(
                f"duplicate id {item.id!r}, first on line {seen[item.id]}",
                file=table,
                line=line,
                expected="every id once",
                remedy="give the column id",
            )
        seen[item.id] = line
        items.append(item)
    return items


def _tsv_rows(table: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    lines = read_lines(table)
    header = lines[0].lstrip("\ufeff").split("\t") if lines else []
    _check_columns(header, table, 1)
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(header):
            raise XlplError(f"{len(cells)} cells", file=table, line=number, expected=f"{len(header)}, as in line 1")
        yield number, dict(zip(header, cells, strict=True))


def _jsonl_rows(table: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    for number, line in enumerate(read_lines(table), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise XlplError(f"not JSON: {error}", file=table, line=number, expected="one JSON object a line") from error
        if not isinstance(row, dict):
            raise XlplError("not a JSON object", file=table, line=number, expected='{"audio": ..., "text": ...}')
        _check_columns(list(row), table, number)
        yield number, {key: "" if value is None else str(value) for key, value in row.items()}


def _check_columns(names: list[str], table: Path, line: int) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if "audio" not in names or unknown:
        raise XlplError(
            f"unknown column {unknown[0]!r}" if unknown else "no column 'audio'",
            file=table,
            line=line,
            expected=f"columns of {', '.join(COLUMNS)}, of which audio is needed",
        )


def _item(row: Mapping[str, str], table: Path, line: int) -> Item:
    audio = table.parent / row["audio"]
    if not row["audio"] or not audio.is_file():
        raise XlplError(
            f"no audio file {row['audio']!r}", file=table, line=line, expected=f"a file below {table.parent}"
        )
    if row.get("rate"):
        _check_rate(row["rate"], audio, table, line)
    own = PurePosixPath(row["audio"])
    name = row.get("id") or str((PurePosixPath(own.name) if own.is_absolute() else own).with_suffix(""))
    return Item(name, audio, row.get("text") or None)


def _check_rate(declared: str, audio: Path, table: Path, line: int) -> None:
    actual = SAMPLE_RATE if audio.suffix.lower() == ".g722" else audio_info(audio).rate
    if declared != str(actual):
        raise XlplError(
            f"declares {declared} Hz, but {audio.name} has {actual} Hz",
            file=table,
            line=line,
            expected="the file's own rate",
            remedy="correct or leave out the column rate; files are resampled by what their header says",
        )
