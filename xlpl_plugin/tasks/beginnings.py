"""What fairseq passes over without a word, or tells too late, when a training begins or goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fairseq.dataclass.configs import CheckpointConfig
from fairseq.file_io import PathManager

from xlpl_plugin.config import nearest_keys
from xlpl_plugin.errors import XlplError

logger = logging.getLogger(__name__)


def require_restore_file(file: str, shard: str = "-shard0") -> None:
    """Raise ``XlplError`` where a checkpoint that the user named is not there: fairseq would begin anew.

    The name that stands there by default may be absent: then the training begins.

    Args:
        file: ``checkpoint.restore_file``, from the working folder.
        shard: what fairseq adds to the name where each process wrote a part of its own.
    """
    if file == CheckpointConfig.restore_file or PathManager.exists(file):
        return
    if PathManager.exists(file.replace(".pt", f"{shard}.pt")):
        return
    raise XlplError(
        "no such file (checkpoint.restore_file)",
        file=file,
        expected=f"a checkpoint, from the working folder; {CheckpointConfig.restore_file} alone is looked for in "
        "checkpoint.save_dir, and may be absent",
        remedy="give the whole path, or leave the key out to go on with what checkpoint.save_dir holds",
    )


def require_metric(metric: str, criterion: Any) -> None:
    """Raise ``XlplError`` for a ``best_checkpoint_metric`` that a criterion which names its metrics does not log."""
    known = getattr(criterion, "metrics_of_validation", None)
    if known is None or metric in known:
        return
    near = nearest_keys(metric, known)
    raise XlplError(
        f"checkpoint.best_checkpoint_metric={metric!r} is not measured at validation",
        expected=f"one of {', '.join(known)}",
        remedy=f"did you mean {' or '.join(near)}?" if near else None,
    )


def warn_of_other_data(former: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    """Warn where a training goes on with other rows or labels than those of its checkpoint, which may be meant.

    Args:
        former, now: ``AudioDataset.identity``; None: the checkpoint, an older one, does not say.
    """
    if former is None or former == now:
        return
    rows = f"{former['rows']} rows then, {now['rows']} now"
    changed = rows if former["rows"] != now["rows"] else f"{rows}, but others, or with other labels or shares"
    logger.warning(
        "the training goes on with other data than the checkpoint's: %s. Where that is not meant, begin in a "
        "new checkpoint.save_dir; task.init_from=CHECKPOINT starts from its weights",
        changed,
    )
