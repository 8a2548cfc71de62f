"""What a preparation refuses before it begins: ids that cannot be files, and outputs that hold something else."""

from __future__ import annotations

import re
from array import array
from pathlib import Path, PurePosixPath

from xlpl_plugin.audio.reading import AUDIO_SUFFIXES
from xlpl_plugin.data.columns import RowsOf, TextIndex, repeated_texts
from xlpl_plugin.data.items import ItemColumns
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.summary import REPORT
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output

# what is added to the id of a recording: its channel, its piece
_ADDED = re.compile(r"(-ch\d+)?(-\d{7,}-\d{7,})?$")
# a folder whose name ends like that of a recording
_FOLDER_OF_SOUND = re.compile(rf"({'|'.join(map(re.escape, sorted(AUDIO_SUFFIXES)))})/", re.IGNORECASE)


def check_ids(items: ItemColumns) -> None:
    """Raise ``XlplError`` for an id that stands twice, is no relative path, or would get another's file."""
    repeated = repeated_texts(items.ids)
    if repeated:
        raise XlplError(
            f"{len(repeated)} duplicate ids, such as {repeated[0]!r}",
            expected="every id once",
            remedy="rename or remove one",
        )
    for row, name in enumerate(items.ids):
        parts = set(name.split("/"))
        if parts <= {"", "."} or name.startswith("/") or ".." in parts or "\t" in name or "\n" in name:
            raise XlplError(
                f"unusable id {name!r}", file=items.audio[row], expected="a relative path without '..' and tabs"
            )
    _refuse_clashes(items)


def _refuse_clashes(items: ItemColumns) -> None:
    """Refuse an id whose folder would be another id's file, such as ``a.flac/b`` beside ``a``."""
    nested = [row for row, name in enumerate(items.ids) if _FOLDER_OF_SOUND.search(name)]
    ids = TextIndex(items.ids if nested else ())
    for row in nested:
        for folder in PurePosixPath(items.ids[row]).parents:
            alone = str(folder.with_suffix("")) if folder.suffix.lower() in AUDIO_SUFFIXES else None
            if alone is not None and ids.find(alone) is not None:
                raise XlplError(
                    f"id {items.ids[row]!r} beside id {alone!r}",
                    file=items.audio[row],
                    expected="ids none of which is the folder of another's file",
                    remedy="rename one",
                )


def refuse_names_of_pieces(items: ItemColumns, rows: array[int], options: PrepareOptions) -> None:
    """Raise ``XlplError`` for an id that another's piece or channel may get, such as ``a-ch0`` beside ``a``."""
    if not options.cut_above and options.channels != "split":
        return
    named = array("q", (row for row in rows if _ADDED.sub("", items.ids[row]) != items.ids[row]))
    whole = array("q", (row for row in rows if named and items.text(row) is None and items.is_whole(row)))
    ids = TextIndex(RowsOf(items.ids.__getitem__, whole))
    for row in named:
        base = _ADDED.sub("", items.ids[row])
        if ids.find(base) is not None:
            raise XlplError(
                f"id {items.ids[row]!r} has the form of a piece or channel of {base!r}",
                file=items.audio[row],
                expected="ids that differ from those that pieces get",
                remedy="rename or remove one, or do not cut: --cut-above 0",
            )


def replaceable(path: str | Path, force: bool) -> Path:
    """Return the absolute path of an output that may be written.

    With ``force``, only a folder that an earlier run prepared may be replaced: never a home folder by a slip.

    Raises:
        XlplError: it holds something else.
    """
    path = new_output(path, force=force).absolute()
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / REPORT).exists())):
        raise XlplError(
            "exists and is not a prepared folder",
            file=path,
            expected=f"a new folder, or one with {REPORT} to replace",
            remedy="choose another output",
        )
    return path


def leftovers(out: Path) -> list[str]:
    """Name the half-made folders of runs that were killed; one may also belong to a run that is under way."""
    found = sorted(path.name for path in out.parent.glob(f".{out.name}.*") if (path / "new").is_dir())
    return [f"a run that was killed left {', '.join(found)} in {out.parent}: remove it"] if found else []
