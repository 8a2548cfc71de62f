"""Tables for people: aligned text for the terminal, markdown for a file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

from xlpl_plugin.evaluation.scoring import Interval, Score

Form = Literal["text", "markdown"]

_WIDTH = 500  # wide enough that no cell is ever wrapped or cut


def render(rows: Sequence[Mapping[str, str]], form: Form = "text") -> str:
    """Draw rows (column title -> cell, all with the same titles); the first column is set left, the others right."""
    table = Table(box=box.MARKDOWN if form == "markdown" else box.SIMPLE_HEAD)
    for number, title in enumerate(rows[0] if rows else ()):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell.replace("|", "\\|") if form == "markdown" else cell for cell in row.values()))
    stream = io.StringIO()
    Console(file=stream, width=_WIDTH, color_system=None, markup=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip("\n")


def render_scores(scores: Sequence[Score], form: Form = "text") -> str:
    """Draw error rates in per cent with their intervals; a difference column only where there are differences."""
    compared = any(score.difference for score in scores)
    rows = []
    for score in scores:
        row = {
            "system": score.system,
            "text": score.script,
            "WER %": percent(score.wer),
            "CER %": percent(score.cer),
            "sub": str(score.substitutions),
            "del": str(score.deletions),
            "ins": str(score.insertions),
        }
        if compared:
            row["WER against baseline"] = percent(score.difference.wer, sign="+") if score.difference else ""
        rows.append(row)
    return render(rows, form)


def render_reliability(scores: Sequence[Score], form: Form = "text") -> str:
    """Draw what the confidences of the systems that have some are worth, two rows each: by word and by utterance."""
    rows = []
    for score in scores:
        if score.reliability is None:
            continue
        kinds = {"word": score.reliability.words, "utterance": score.reliability.utterances}
        for kind, calibration in kinds.items():
            rows.append(
                {
                    "system": score.system,
                    "confidence of": kind,
                    "right %": f"{100 * score.reliability.right:.1f}",
                    "AUC": _share(calibration.auc),
                    "average precision": _share(calibration.average_precision),
                    "ECE": _share(calibration.raw.error),
                    "ECE calibrated": _share(calibration.calibrated.error),
                }
            )
    return render(rows, form)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def percent(interval: Interval, sign: str = "") -> str:
    """Write fractions as ``23.4 [21.0, 25.9]``."""
    value, low, high = (f"{100 * x:{sign}.1f}" for x in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"
