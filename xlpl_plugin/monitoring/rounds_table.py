"""The signals of all rounds as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.monitoring.display import Display
from xlpl_plugin.monitoring.signals import SIGNALS, WEIGHTS, Measurement
from xlpl_plugin.stage import Stage
from xlpl_plugin.text_table import render


def rounds_table(history: Sequence[Measurement]) -> str:
    """Draw one column a stage and one row a number; what is unknown in all stages has no row."""
    columns = {str(Stage.parse(entry.stage)): {**vars(entry.weights), **vars(entry.signals)} for entry in history}
    return render(
        [
            {"": _title(display), **{title: _cell(display, known[display.key]) for title, known in columns.items()}}
            for display in (*WEIGHTS, *SIGNALS)
            if any(known[display.key] is not None for known in columns.values())
        ]
    )


def _title(display: Display) -> str:
    return f"{display.short} {display.unit}".rstrip()


def _cell(display: Display, number: float | None) -> str:
    return "" if number is None else display.text(number)
