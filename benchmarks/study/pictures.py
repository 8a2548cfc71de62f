"""Pictures of the study: error rates over rounds, or one column over another."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.cells import Picture
from study.columns import COLUMNS
from study.pool import TOP, Pool, stage
from xlpl_plugin.report.figures.drawing import AMBER, BLUE, GREEN, PURPLE, RED, style
from xlpl_plugin.stage import Stage

_COLOURS = (BLUE, RED, GREEN, PURPLE, AMBER)
_MARKERS = "os^Dvx"
_INCHES, _DPI = (6.4, 3.6), 160
ROUNDS = "rounds"


def draw(picture: Picture, pools: Sequence[Pool]) -> bytes | None:
    """Return a PNG; None where there is nothing to draw."""
    pools = [pool for pool in pools if picture.only.items() <= pool.labels.items()]
    with style():
        figure = Figure(figsize=_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set(title=picture.title, xlabel=picture.x, ylabel=picture.y)
        axes.xaxis.set_major_locator(MaxNLocator(integer=picture.x == ROUNDS))
        drawn = _over_rounds(axes, pools) if picture.x == ROUNDS else _over_column(axes, picture, pools)
        if not drawn:
            return None
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _look(number: int) -> dict[str, Any]:
    return {"color": _COLOURS[number % len(_COLOURS)], "marker": _MARKERS[number // len(_COLOURS) % len(_MARKERS)]}


def _over_rounds(axes: Any, pools: Sequence[Pool]) -> bool:
    """Draw the error rate under the LM in each round, with its interval, and the topline as a dashed line."""
    for number, pool in enumerate(pools):
        last = max(len(record.stages) for record in pool.records)
        found = [(k, rate) for k in range(last) if (rate := pool.interval(stage(Stage.round(k).folder)))]
        rounds, rates = [k for k, _ in found], [100 * rate.value for _, rate in found]
        axes.plot(rounds, rates, label=", ".join(pool.labels.values()), **_look(number))
        axes.fill_between(
            rounds, [100 * r.low for _, r in found], [100 * r.high for _, r in found],
            color=_look(number)["color"], alpha=0.12, linewidth=0,
        )  # fmt: skip
        if top := pool.interval(TOP):
            axes.axhline(100 * top.value, color=_look(number)["color"], linestyle="--", linewidth=1)
    return bool(pools)


def _over_column(axes: Any, picture: Picture, pools: Sequence[Pool]) -> bool:
    """Draw one column over another, a line for each value of the label that ``picture.line`` names."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for pool in pools:
        x, y = COLUMNS[picture.x](pool).value, COLUMNS[picture.y](pool).value
        if x is not None and y is not None:
            lines.setdefault(pool.labels.get(picture.line, ""), []).append((x, y))
    for number, (name, points) in enumerate(lines.items()):
        xs, ys = zip(*sorted(points), strict=True)
        axes.plot(xs, ys, label=name, linestyle="-" if picture.joined else "none", **_look(number))
    return bool(lines)
