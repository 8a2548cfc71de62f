"""Space: the checkpoints of old trainings, whose optimiser states no later step reads, are deleted."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.config import DELETIONS
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.stage import Stage

logger = logging.getLogger(__name__)


def prune(layout: RunLayout, finished: Collection[Stage], best: Stage | None, policy: str = "old") -> int:
    """Delete the checkpoints of trainings whose model stands beside them as weights alone; return the bytes freed.

    Nothing is deleted of a round that is not among ``finished``, nor where model.pt is missing, damaged or older than
    a checkpoint. The source acoustic models count as round 0. Logs, commands and model.pt stay. May be killed and
    called again at any time.

    Args:
        finished: stages whose steps are all done.
        best: the best of them so far, if that is known.
        policy: one of ``DELETIONS``.

    Raises:
        XlplError: another policy.
    """
    if policy not in DELETIONS:
        raise XlplError(f"keep policy {policy!r}", expected=f"one of {', '.join(DELETIONS)}")
    if policy == "none" or not finished:
        return 0
    kept = {max(finished), best} if policy == "old" else set()
    freed = 0
    for stage in sorted(set(finished) - kept):
        for home in _homes(layout, stage):
            freed += _prune(home)
    return freed


def _homes(layout: RunLayout, stage: Stage) -> Iterator[Path]:
    """Yield the folders in which the acoustic models that label in a round were trained."""
    if stage != Stage.round(0):
        yield layout.stage(stage)
        yield from sorted(layout.stage(stage).glob("voter-[0-9]*"))
    else:
        yield layout.source(1)
        yield from sorted(layout.run.glob(f"{layout.source(1).name}-[0-9]*"))


def _prune(home: Path) -> int:
    folder = home / "training" / "checkpoints"
    # those that a killed trainer left half written too
    files = sorted(file for pattern in ("checkpoint*.pt", "checkpoint*.pt.tmp") for file in folder.glob(pattern))
    if not files:
        return 0
    newest = max(file.lstat().st_mtime_ns for file in files)
    if not _holds_all(home / "model.pt", newest):
        logger.warning("%s: not deleted, since %s is not a whole copy of its model", folder, home / "model.pt")
        return 0
    freed = 0
    for file in files:
        freed += file.lstat().st_size
        file.unlink()
    return freed


def _holds_all(model: Path, newest: int) -> bool:
    """Say whether ``model`` is a whole file that was written after a checkpoint of the time ``newest``."""
    if not model.is_file() or model.stat().st_mtime_ns < newest:
        return False
    try:
        with zipfile.ZipFile(model) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False
