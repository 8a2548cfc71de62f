"""What a preparation refuses before it begins: ids that cannot be files, and outputs that hold something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from xlpl_plugin.audio.reading import AUDIO_SUFFIXES
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.summary import REPORT
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import new_output

# what is added to the id of a recording: its channel, its piece
_ADDED = re.compile(r"(-ch\d+)?(-\d{7,}-\d{7,})?$")


def check_ids(items: Sequence[Item]) -> None:
    """Raise ``XlplError`` for an id that stands twice, is no relative path, or would get another's file."""
    repeated = [name for name, count in Counter(item.id for item in items).items() if count > 1]
    if repeated:
        raise XlplError(
            f"{len(repeated)} duplicate ids, such as {repeated[0]!r}",
            expected="every id once",
            remedy="rename or remove one",
        )
    for item in items:
        parts = PurePosixPath(item.id).parts
        if not parts or item.id.startswith("/") or ".." in parts or "\t" in item.id or "\n" in item.id:
            raise XlplError(
                f"unusable id {item.id!r}", file=item.audio, expected="a relative path without '..' and tabs"
            )
    _refuse_clashes(items)


def _refuse_clashes(items: Sequence[Item]) -> None:
    """Refuse an id whose folder would be another id's file, such as ``a.flac/b`` beside ``a``."""
    nested = [item for item in items if "/" in item.id]
    ids = {item.id for item in items} if nested else set()
    for item in nested:
        for folder in PurePosixPath(item.id).parents:
            if folder.suffix.lower() in AUDIO_SUFFIXES and str(folder.with_suffix("")) in ids:
                raise XlplError(
                    f"id {item.id!r} beside id {str(folder.with_suffix(''))!r}",
                    file=item.audio,
                    expected="ids none of which is the folder of another's file",
                    remedy="rename one",
                )


def refuse_names_of_pieces(items: Collection[Item], options: PrepareOptions) -> None:
    """Raise ``XlplError`` for an id that another's piece or channel may get, such as ``a-ch0`` beside ``a``."""
    if not options.cut_above and options.channels != "split":
        return
    ids = {item.id for item in items if item.text is None and item.start == 0 and item.end is None}
    for item in items:
        base = _ADDED.sub("", item.id)
        if base != item.id and base in ids:
            raise XlplError(
                f"id {item.id!r} has the form of a piece or channel of {base!r}",
                file=item.audio,
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
