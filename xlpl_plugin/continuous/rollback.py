"""The way back from a collapse: the last checkpoint whose labels were healthy, and the record of what happened.

A roll back is planned in a file, carried out and then recorded in collapse.json: a process killed on the way leaves the
plan, which the next call carries out.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from xlpl_plugin.continuous.collapse import COLLAPSE_FILE, Collapse, RollBack
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import copy_file
from xlpl_plugin.models.checkpoint import checkpoint_updates, read_checkpoint

GOOD, LAST = "checkpoint_good.pt", "checkpoint_last.pt"
CANDIDATE = "checkpoint_candidate.pt"
_PLAN = ".collapse.plan.json"
_START_AGAIN = "begin anew in another checkpoint.save_dir, with settings that the reason speaks of"


def propose_good(checkpoint: Path) -> None:
    """Copy a checkpoint that fairseq has just saved beside it, until labels of its own weights are judged.

    A copy, since fairseq writes the next checkpoint_last.pt into the same file. While one waits, no other takes its
    place: saves may be more frequent than labels.

    Raises:
        XlplError: no such file, or one that was cut off.
    """
    if not zipfile.is_zipfile(checkpoint):  # a cut file lacks the directory at a zip's end
        raise XlplError("no whole checkpoint", file=checkpoint, expected="what fairseq has just saved")
    candidate = checkpoint.with_name(CANDIDATE)
    if not candidate.exists():
        copy_file(checkpoint, candidate)


def settle_good(save_dir: Path, healthy: bool) -> None:
    """Make the checkpoint that waits the good one, or drop it, as labels made since it was saved were judged."""
    candidate = save_dir / CANDIDATE
    if not healthy:
        candidate.unlink(missing_ok=True)
    elif candidate.exists():
        candidate.replace(save_dir / GOOD)


def roll_back(
    save_dir: Path, update: int, reason: str, signals: Mapping[str, float], reference: Mapping[str, float]
) -> int:
    """Put the last good checkpoint in the place of checkpoint_last.pt; return the update it was saved at.

    Checkpoints of later updates are removed, and collapse.json is written. One rank does it, while no other reads or
    writes checkpoints.

    Args:
        save_dir: fairseq's checkpoint.save_dir.
        update: at which the collapse was found.
        reason: the words of the guard.
        signals: of the collapsed labels.
        reference: the same of the labels when the cache was filled.

    Raises:
        XlplError: no good checkpoint to go back to (the message has the reason); everything stays as it is.
    """
    back = _good_update(save_dir, update, reason)
    record = Collapse(update, reason, dict(signals), dict(reference), back)
    RollBack(record, tuple(_later(save_dir, back))).write(save_dir / _PLAN)
    _carry_out(save_dir)
    return back


def former_collapse(save_dir: Path) -> Collapse | None:
    """Return what collapse.json says, or None where the training has not collapsed (or the file was removed).

    A roll back that was killed is finished first; ranks may call this at the same time.

    Raises:
        XlplError: collapse.json is not what ``roll_back`` wrote.
    """
    if (save_dir / _PLAN).exists():
        _carry_out(save_dir)
    file = save_dir / COLLAPSE_FILE
    return Collapse.read(file) if file.exists() else None


def _good_update(save_dir: Path, update: int, reason: str) -> int:
    good = save_dir / GOOD
    try:
        back = checkpoint_updates(read_checkpoint(good))
    except XlplError as error:
        problem = f"{'cannot be read' if good.exists() else 'no good checkpoint was saved before'}: {error.problem}"
        raise _no_way_back(good, update, reason, problem) from error
    if back > update:
        raise _no_way_back(good, update, reason, f"was saved at update {back}, by another training")
    return back


def _no_way_back(good: Path, update: int, reason: str, problem: str) -> XlplError:
    return XlplError(
        f"the labels collapsed at update {update}, and there is no way back: {problem}. The collapse: {reason}",
        file=good,
        expected=f"a checkpoint saved at or before update {update}",
        remedy=_START_AGAIN,
    )


def _later(save_dir: Path, update: int) -> list[str]:
    """Return the names of fairseq's checkpoints that were saved after an update, or that a kill cut off."""
    files = (file for file in save_dir.glob("checkpoint*.pt") if file.name not in (GOOD, LAST))
    return sorted(file.name for file in files if not zipfile.is_zipfile(file) or _saved_at(file) > update)


def _saved_at(file: Path) -> int:
    named = re.fullmatch(r"checkpoint_\d+_(\d+)\.pt", file.name)
    return int(named[1]) if named else checkpoint_updates(read_checkpoint(file))


def _carry_out(save_dir: Path) -> None:
    """Do what the plan says; each step can be done twice, and by two processes at once."""
    try:
        plan = RollBack.read(save_dir / _PLAN)
    except XlplError:
        if (save_dir / _PLAN).exists():
            raise
        return  # the other was quicker
    copy_file(save_dir / GOOD, save_dir / LAST)
    for name in plan.remove:
        (save_dir / Path(name).name).unlink(missing_ok=True)
    plan.record.write(save_dir / COLLAPSE_FILE)
    (save_dir / _PLAN).unlink(missing_ok=True)
