"""The record of a collapse, beside the checkpoints of the training that it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xlpl_plugin.json_record import JsonRecord

COLLAPSE_FILE = "collapse.json"


@dataclass(frozen=True)
class Collapse(JsonRecord):
    """``collapse.json``; without that file the training would go on from checkpoint_last.pt.

    Attributes:
        update: at which the collapse was found.
        reason: the words of the guard.
        signals: of the collapsed labels, as in ``LabelCounts.signals``.
        reference: the same of the labels when the cache was filled.
        rolled_back_to: update of the checkpoint that was put back.
    """

    update: int
    reason: str
    signals: Mapping[str, float]
    reference: Mapping[str, float]
    rolled_back_to: int

    holds = "the record of a collapse"
    written_by = "a continuous training"


@dataclass(frozen=True)
class RollBack(JsonRecord):
    """What is to be done after a collapse, until it is done: the record, and the checkpoints to remove."""

    record: Collapse
    remove: tuple[str, ...]

    holds = "the plan of a roll back"
    written_by = "a continuous training"
