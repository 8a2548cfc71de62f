"""Writes a report: RUN/report.html, and in RUN/report/ the pictures as PNG files and the numbers as report.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.files import atomic_open, write_json, write_text
from xlpl_plugin.report.contents import Report
from xlpl_plugin.report.figures.phase import draw_phase
from xlpl_plugin.report.figures.runs import draw_costs, draw_curves, draw_scores, draw_trainings, draw_tunings
from xlpl_plugin.report.gathering import gather
from xlpl_plugin.report.page import render_page
from xlpl_plugin.stage import Stage

PAGE_FILE = "report.html"
FOLDER = "report"
JSON_FILE = "report.json"


def write_report(run: str | Path, scores: str | Path | None = None) -> Report:
    """Report on a run as it is now; an earlier report of it is replaced.

    The same run gives the same bytes. Nothing else in the run is touched.

    Args:
        run: directory of ``xlpl iterate``, finished or not.
        scores: file of ``xlpl score --json``; without it RUN/score.json is taken, if there is one.

    Raises:
        XlplError: no run there, or a file of it that is broken.
    """
    report = gather(run, scores)
    pictures = {
        "scores": draw_scores(report),
        "curves": draw_curves(report),
        "continuous": draw_phase(report),
        "trainings": draw_trainings(report.trainings),
        "tunings": draw_tunings(report.tunings),
        "costs": draw_costs(report.steps),
    }
    folder = Path(run) / FOLDER
    drawn = {f"{picture.name}.png": picture for group in pictures.values() for picture in group}
    for name, picture in drawn.items():
        with atomic_open(folder / name, "wb") as stream:
            stream.write(picture.png)
    write_json(folder / JSON_FILE, _storable(report))
    for old in set(folder.glob("*.png")) - {folder / name for name in drawn}:
        old.unlink()
    write_text(Path(run) / PAGE_FILE, render_page(report, pictures))
    return report


def _storable(value: Any) -> Any:
    """Return what JSON can hold: null for what it has no number for (a loss may be nan), a stage by its folder."""
    if isinstance(value, Stage):
        return value.folder
    if is_dataclass(value):
        return {field.name: _storable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
