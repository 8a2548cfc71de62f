"""The pictures of the continuous phase: what its training logged, over updates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from xlpl_plugin.continuous.collapse import Collapse
from xlpl_plugin.monitoring.training_log import Points
from xlpl_plugin.report.contents import Report
from xlpl_plugin.report.figures.axes import finite, legend_above, span
from xlpl_plugin.report.figures.drawing import BLUE, RED, SOFT, Picture, new_figure, picture, style


@dataclass(frozen=True)
class _Drawn:
    """A picture: what each of its lines is called, by the key in the log."""

    name: str
    title: str
    caption: str
    lines: Mapping[str, str]
    share: bool = False


_PICTURES = (
    _Drawn(
        "loss",
        "loss, bits a unit",
        "On the labelled part, and on the labels that the training makes for itself: those are its own words, so that "
        "a low loss says little.",
        {"loss_labelled": "labelled", "loss_unlabelled": "own labels"},
    ),
    _Drawn(
        "age",
        "age of own labels, updates",
        "How many updates ago the labels trained on were made. The older, the less the model learns its last mistake.",
        {"cache_age": ""},
    ),
    _Drawn(
        "churn",
        "changed units, %",
        "Units that a new label changes in the one that it replaces. A fall means that the labels settle; a rise, that "
        "the model runs away.",
        {"pl_churn": ""},
    ),
    _Drawn(
        "length",
        "units a second",
        "Of new labels. A steady fall means that speech is being left out.",
        {"pl_length": ""},
    ),
    _Drawn(
        "blank", "blank frames, %", "Of new labels. Near 100 the model has fallen silent.", {"pl_blank": ""}, share=True
    ),
    _Drawn(
        "letters",
        "different units",
        "In new labels. A sharp fall means that a few units take over.",
        {"pl_letters": ""},
    ),
)


def draw_phase(report: Report) -> list[Picture]:
    """Return one picture for each thing that the training of the continuous phase logged; none without such a log."""
    log = report.continuous_log
    if log is None:
        return []
    collapse = report.continuous.collapse if report.continuous else None
    curves = log.continuous
    with style():
        return [
            _draw(drawn, {key: curves[key] for key in drawn.lines if _known(curves.get(key, ()))}, collapse)
            for drawn in _PICTURES
            if any(_known(curves.get(key, ())) for key in drawn.lines)
        ]


def _known(points: Points) -> list[float]:
    return [value for _, value in points if math.isfinite(value)]


def _draw(drawn: _Drawn, curves: Mapping[str, Points], collapse: Collapse | None) -> Picture:
    figure = new_figure(2.1)
    axes = figure.add_subplot(title=drawn.title, xlabel="update")
    in_words = []
    for (key, label), colour in zip(drawn.lines.items(), (BLUE, RED), strict=False):
        if key in curves:
            axes.plot(*finite(curves[key]), color=colour, linewidth=1.2, marker="o", markersize=2, label=label)
            values = _known(curves[key])
            in_words.append(f"{label + ' ' if label else ''}{values[0]:.4g} at first, {values[-1]:.4g} at the end")
    axes.set_ylim(span([value for points in curves.values() for value in _known(points)], drawn.share))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(length=0)
    if collapse:
        in_words.append(f"collapsed at update {collapse.update}")
        _mark(axes, collapse)
    if any(drawn.lines.values()):
        legend_above(axes)
    alt = f"Continuous phase, {drawn.title}, by update: {'; '.join(in_words)}"
    return picture(figure, f"continuous-{drawn.name}", alt, drawn.caption)


def _mark(axes: Any, collapse: Collapse) -> None:
    """Draw where the training collapsed, and where it went back to."""
    axes.axvline(collapse.update, color=RED, linewidth=1.2, linestyle="--")
    axes.axvline(collapse.rolled_back_to, color=SOFT, linewidth=1.2, linestyle=":")
