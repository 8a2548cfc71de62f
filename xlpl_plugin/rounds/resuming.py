"""Where a former process left a training: at its end, or with a checkpoint that a kill cut off."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from xlpl_plugin.files import atomic_open

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
        with atomic_open(last, "wb") as stream, newest.open("rb") as source:
            shutil.copyfileobj(source, stream)


def is_finished(record: Path, checkpoints: Path, max_update: int | None) -> bool:
    """Whether a training came to its end; started once more, fairseq would add an update.

    Args:
        record: the log that the training's own process wrote (hydra's).
        max_update: the length of the training, where it is known.
    """
    last = checkpoints / _LAST
    if not (record.exists() and last.exists()):
        return False
    end = record.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    if any("done training in" in line for line in end):
        return True
    # killed between the last save and the last line
    stopping = any("Stopping training due to num_updates" in line for line in end)
    if not (stopping and max_update):
        return False
    from xlpl_plugin.models.checkpoint import read_checkpoint  # imports torch, for this rare case alone

    return bool(read_checkpoint(last)["optimizer_history"][-1]["num_updates"] >= max_update)
