"""Hugging Face data sets: an audio folder with its metadata table, or parquet files with the audio inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from xlpl_plugin.data.corpora.listing import Listing, Place, first_line, part_of
from xlpl_plugin.data.corpora.tables import choose_columns, list_table, note_unused
from xlpl_plugin.data.items import Item
from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.files import make_folder, system_errors

_METADATA = ("metadata.csv", "metadata.jsonl")
# rows held at a time; their audio is held with them
_ROWS = 32
_MAGIC = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff": ".mp3"}


def recognise(source: Path) -> str:
    """Say what makes ``source`` such a data set; '' if it is none."""
    if source.is_file():
        return "a .parquet file" if source.suffix == ".parquet" else ""
    found = _parquet_files(source) or _tables(source)
    return str(found[0].relative_to(source)) if found else ""


def read(source: Path, listing: Listing) -> None:
    """List the rows of an audio folder's tables, or of parquet files, whose audio is written into ``listing.work``.

    Parts are those in the names of files or folders, such as ``validation-00000-of-00001.parquet``.

    Raises:
        XlplError: pyarrow is not installed; a parquet file that cannot be read, has no column of audio, or stands
            beside those of another configuration (such as another language).
    """
    files = [source] if source.is_file() else _parquet_files(source)
    _reject_several_folders(source, files)
    for file in files:
        _read_parquet(file, listing)
    for table in [] if files else _tables(source):
        # where one table is for all, the folder in a row's path tells the part
        list_table(table, listing, split=next(filter(part_of, table.parent.relative_to(source).parts), ""))


def _parquet_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    # what a download leaves in .cache is no part of the set
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def _tables(folder: Path) -> list[Path]:
    """Return the metadata tables of an audio folder: one for all, or one in the folder of each part."""
    found = (path for name in _METADATA for depth in ("", "*/", "*/*/") for path in folder.glob(depth + name))
    return sorted(path for path in found if "file_name" in first_line(path))


def _reject_several_folders(source: Path, files: list[Path]) -> None:
    """Refuse configurations side by side: those of a multilingual set are languages."""
    folders = {file.parent if not part_of(file.parent.name) else file.parent.parent for file in files}
    if len(folders) > 1:
        names = ", ".join(sorted(str(folder.relative_to(source)) for folder in folders)[:5])
        raise XlplError(
            f"parquet files in {len(folders)} folders: {names}",
            file=source,
            expected="one configuration",
            remedy="name its folder",
        )


def _read_parquet(file: Path, listing: Listing) -> None:
    split = file.stem if part_of(file.stem) else file.parent.name
    for number, audio, values in _rows(file, listing):
        place = Place(file, number)
        name, path = _save(audio, file, number, listing)
        text, speaker = values.get("text") or None, values.get("speaker", "")
        listing.add(Item(name, path, text, speaker=speaker), place, values.get("split") or split)
    listing.unpacked = True


def _rows(file: Path, listing: Listing) -> Iterator[tuple[int, Mapping[str, Any], dict[str, str]]]:
    """Yield the number of each row, from 1, its audio (bytes and path), and its other values by our names."""
    parquet, arrow_error = _pyarrow(file)
    try:
        with parquet.ParquetFile(file) as opened:
            sound, columns = _choose(opened.schema_arrow, file, listing)
            number = 0
            for batch in opened.iter_batches(batch_size=_ROWS, columns=[sound, *columns.values()]):
                for row in batch.to_pylist():
                    number += 1
                    values = {ours: row[theirs] for ours, theirs in columns.items()}
                    yield number, row[sound] or {}, {key: "" if v is None else str(v) for key, v in values.items()}
    except (arrow_error, OSError) as error:
        raise XlplError(f"cannot be read: {error}", file=file, expected="a whole parquet file") from error


def _pyarrow(file: Path) -> tuple[Any, type[Exception]]:
    parquet, arrow = (optional_module(name, "parquet", "parquet", file) for name in ("pyarrow.parquet", "pyarrow"))
    return parquet, arrow.ArrowException


def _choose(schema: Any, file: Path, listing: Listing) -> tuple[str, dict[str, str]]:
    """Return the column of audio, and our name -> the file's for the others that mean something here."""
    sounds = [field.name for field in schema if {"bytes", "path"} <= _fields(field.type)]
    if len(sounds) != 1:
        problem = f"{len(sounds)} columns of audio" if sounds else "no column of audio"
        expected = "one column of bytes and path"
        raise XlplError(problem, file=file, expected=f"{expected}, beside {', '.join(schema.names)}")
    others = [name for name in schema.names if name not in sounds]
    chosen = choose_columns(others, Place(file))
    known = {ours: theirs for ours, theirs in chosen.items() if ours in ("text", "speaker", "split")}
    note_unused(others, known, listing)
    return sounds[0], known


def _fields(kind: Any) -> set[str]:
    return {kind.field(number).name for number in range(kind.num_fields)}


def _save(audio: Mapping[str, Any], file: Path, number: int, listing: Listing) -> tuple[str, Path]:
    """Return an id for a row of a parquet file, and where its audio is: written to the work folder, or named."""
    own = PurePosixPath(audio.get("path") or "")
    content = audio.get("bytes")
    name = own.stem if own.stem and not listing.knows(own.stem) else f"{file.stem}-{number:06d}"
    if content is None:
        return name, file.parent / own if own.name else listing.work / f"{name}.wav"
    path = listing.work / f"{name}{own.suffix or _suffix(content)}"
    make_folder(listing.work)
    with system_errors(path, "a file that can be written"):
        path.write_bytes(content)
    return name, path


def _suffix(content: bytes) -> str:
    return next((suffix for magic, suffix in _MAGIC.items() if content.startswith(magic)), ".wav")
