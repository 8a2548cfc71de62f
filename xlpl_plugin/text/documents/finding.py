"""Files below folders whose form is known, and how many of others were passed over."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePath

from xlpl_plugin.files import visible_files
from xlpl_plugin.text.documents.forms import BY_SUFFIX
from xlpl_plugin.text.documents.opening import ARCHIVES, bare_name


def is_known(name: str) -> bool:
    """Whether a file of this name is read where it lies in a folder."""
    suffix = PurePath(bare_name(name)).suffix.lower()
    return suffix in BY_SUFFIX or suffix in ARCHIVES


def suffix_of(name: str) -> str:
    """Return the suffix that a file is counted by: ``.log``, ``.log.gz``, ``none``."""
    path, bare = PurePath(name), PurePath(bare_name(name))
    return (bare.suffix if bare.suffix == path.suffix else bare.suffix + path.suffix).lower() or "none"


def files_below(folder: Path, passed_over: Counter[str]) -> list[Path]:
    """Return the files of known forms in a folder and those below it, in the order of their paths.

    Hidden files are no text. A link to a folder is followed, and each folder is read once, so that links cannot go
    in a circle.

    Args:
        passed_over: counts files of other forms by their suffix.

    Raises:
        XlplError: a folder cannot be read.
    """
    found: list[Path] = []
    for here, names in visible_files(folder):
        for file in (here / name for name in names):
            if file.is_file() and is_known(file.name):
                found.append(file)
            else:
                passed_over[_why(file)] += 1
    return sorted(found)


def _why(file: Path) -> str:
    return suffix_of(file.name) if file.is_file() else "links to nothing, and what is no file"
