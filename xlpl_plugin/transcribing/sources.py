"""Which recordings files, folders and standard input stand for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from xlpl_plugin.audio.reading import is_recording
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, visible_files

STDIN = "-"


@dataclass(frozen=True)
class AskedRecording:
    """A recording to transcribe.

    Attributes:
        file: to read.
        name: as the user knows it.
        place: of its results, below a folder for them and without the suffix.
    """

    file: Path
    name: str
    place: Path


def find_sources(arguments: Sequence[str], stdin: IO[bytes], folder: Path) -> list[AskedRecording]:
    """Return the recordings of files, of folders with those in them, and of ``-``; a missing file is one too.

    Args:
        stdin: copied to a file in ``folder``, since a form of audio may have its index at the end.

    Raises:
        XlplError: a folder without a recording, or standard input twice.
    """
    if arguments.count(STDIN) > 1:
        raise XlplError("standard input (-) is given twice", expected="it once: it can be read only once")
    return [source for argument in arguments for source in _of(argument, stdin, folder)]


def _of(argument: str, stdin: IO[bytes], folder: Path) -> Iterator[AskedRecording]:
    path = Path(argument)
    if argument == STDIN:
        file = folder / "stdin"
        with atomic_open(file, "wb", sync=False) as copy:
            shutil.copyfileobj(stdin, copy)
        yield AskedRecording(file, STDIN, Path("stdin"))
    elif path.is_dir():
        below = (folder / name for folder, names in visible_files(path) for name in names)
        files = sorted(file for file in below if is_recording(file))
        if not files:
            raise XlplError("no recording in the folder", file=path, expected="files such as .wav, .flac, .mp3, .opus")
        yield from (AskedRecording(file, str(file), without_suffix(file.relative_to(path))) for file in files)
    else:
        yield AskedRecording(path, argument, without_suffix(Path(path.name)))


def without_suffix(path: Path) -> Path:
    """Take the suffix of a recording off; another dot in the name is none."""
    return path.with_suffix("") if is_recording(path) else path
