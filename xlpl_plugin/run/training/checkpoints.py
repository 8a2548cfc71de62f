"""The checkpoints that a training kept."""

from __future__ import annotations

import re
from pathlib import Path

from xlpl_plugin.errors import XlplError


def candidates(folder: Path, count: int) -> list[Path]:
    """Return the last ``count`` checkpoints that a training kept, the oldest first, and after them its best and last.

    Raises:
        XlplError: it kept none at all.
    """
    named = [file for name in ("best", "last") if (file := folder / f"checkpoint_{name}.pt").exists()]
    return [*_numbered(folder)[-count:], *named] or last_checkpoints(folder, count)


def last_checkpoints(folder: Path, count: int) -> list[Path]:
    """Return the last ``count`` checkpoints that a training kept: checkpoint_EPOCH_UPDATE.pt, or checkpointEPOCH.pt.

    Raises:
        XlplError: it kept none.
    """
    if found := _numbered(folder):
        return found[-count:]
    raise XlplError(
        "the training kept no checkpoints to average",
        file=folder,
        expected="checkpoint_EPOCH_UPDATE.pt or checkpointEPOCH.pt",
        remedy="set checkpoint.keep_interval_updates and save_interval_updates (not to the updates of whole epochs: "
        "fairseq keeps none there), or checkpoint.no_epoch_checkpoints=false with keep_last_epochs",
    )


def _numbered(folder: Path) -> list[Path]:
    for pattern in (r"checkpoint_\d+_(\d+)\.pt", r"checkpoint(\d+)\.pt"):
        found = {int(match[1]): file for file in folder.glob("*.pt") if (match := re.fullmatch(pattern, file.name))}
        if found:
            return [found[number] for number in sorted(found)]
    return []
