"""What the continuous phase after the rounds came to, as far as the run says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xlpl_plugin.continuous.collapse import COLLAPSE_FILE as RECORD
from xlpl_plugin.errors import XlplError
from xlpl_plugin.report.contents import Collapse, Continuous
from xlpl_plugin.report.reading import read_optional
from xlpl_plugin.report.stages import CONTINUOUS, stage_of
from xlpl_plugin.run.layout import RunLayout


def read_continuous(layout: RunLayout, result: Mapping[str, Any] | None) -> Continuous | None:
    """Return what is known of the phase; None for a run without one, or where it has not begun.

    Args:
        result: the content of result.json, where there is one.

    Raises:
        XlplError: a result or a record of a collapse that is none.
    """
    if not layout.stage(stage_of(CONTINUOUS)).exists():
        return None
    record = layout.training(stage_of(CONTINUOUS)) / "checkpoints" / RECORD
    told: Mapping[str, Any] = (result or {}).get("continuous") or {}
    try:
        # it starts from the best round, which is known before the phase has been judged
        return Continuous(
            start=told["start"] if told else (result or {}).get("best"),
            taken=told["taken"] if told else None,
            score=told["score"] if told else None,
            start_score=told["start_score"] if told else None,
            collapse=_collapse(record, told.get("collapse", "")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise XlplError(
            f"not the result of a run ({error})", file=layout.result, expected="what 'xlpl iterate' wrote"
        ) from error


def _collapse(record: Path, reason: str) -> Collapse | None:
    """Read the record of a collapse; where it went with the checkpoints, only the reason is left."""
    told = read_optional(record)
    if told is None:
        return Collapse(reason, None, None) if reason else None
    try:
        return Collapse(told["reason"], told["update"], told["rolled_back_to"])
    except (KeyError, TypeError) as error:
        raise XlplError(
            f"not the record of a collapse ({error})", file=record, expected="what the training wrote"
        ) from error
