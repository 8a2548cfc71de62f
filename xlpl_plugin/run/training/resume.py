"""Where a former process left a training: at its end, or with a checkpoint that a kill cut off."""

from __future__ import annotations

import zipfile
from pathlib import Path

from xlpl_plugin.files import copy_file

_LAST = "checkpoint_last.pt"


def mend_checkpoint(folder: Path) -> None:
    """Put the newest whole checkpoint in the place of a checkpoint_last.pt that a kill cut off.

    fairseq writes the first file of a save atomically, and copies it to the other names, the last one last.
    """
    last = folder / _LAST
    if not last.exists() or zipfile.is_zipfile(last):  # a cut file lacks the directory at a zip's end
        return
    last.unlink()
    whole = [file for file in folder.glob("checkpoint*.pt") if zipfile.is_zipfile(file)]
    if whole:
        newest = max(whole, key=lambda file: file.stat().st_mtime)
        copy_file(newest, last)


def collapse_of(checkpoints: Path) -> str:
    """Return why a continuous training ended before its time; '' where it did not collapse.

    Raises:
        XlplError: what it wrote about that is damaged.
    """
    if not any(checkpoints.glob("*collapse*.json")):
        return ""
    from xlpl_plugin.continuous.rollback import former_collapse  # imports torch, for this rare case alone

    record = former_collapse(checkpoints)
    return record.reason if record else ""


def is_finished(record: Path, checkpoints: Path, max_update: int | None) -> bool:
    """Return whether a training came to its end; started once more, fairseq would add an update.

    Args:
        record: the log that the training's own process wrote (hydra's).
        max_update: the length of the training, where it is known.
    """
    last = checkpoints / _LAST
    if not (record.exists() and last.exists()):
        return False
    if collapse_of(checkpoints):
        return True
    end = record.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    if any("done training in" in line for line in end):
        return True
    # killed between the last save and the last line
    stopping = any("Stopping training due to num_updates" in line for line in end)
    if not (stopping and max_update):
        return False
    from xlpl_plugin.models.checkpoint import read_checkpoint  # imports torch, for this rare case alone

    return bool(read_checkpoint(last)["optimizer_history"][-1]["num_updates"] >= max_update)
