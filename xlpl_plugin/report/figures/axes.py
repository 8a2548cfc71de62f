"""What pictures of a report share: axes over rounds, the span of an axis, legends and numbers at points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from xlpl_plugin.stage import CONTINUOUS, Stage

# an axis spans at least this share of what it shows, so that a steady number looks steady
_LEAST_SPAN = 0.25
# more rounds than these and the axis names every second one, or fewer
_MOST_TICKS = 8


def places_of(stages: Iterable[Stage]) -> dict[Stage, int]:
    """Return where each stage stands on an axis: a round at its number; the continuous phase after the last round."""
    ordered = sorted(set(stages))
    last = max((stage.number for stage in ordered if stage.is_round), default=-1)
    return {stage: stage.number if stage.is_round else last + 1 for stage in ordered}


def axes_over_rounds(figure: Any, heading: str, places: Mapping[Stage, int]) -> Any:
    """Return axes with the rounds of ``places`` along them."""
    axes = figure.add_subplot()
    axes.set(title=heading, xlabel="round")
    if CONTINUOUS in places:
        rounds = range(places[CONTINUOUS])
        shown = rounds[:: math.ceil(len(rounds) / _MOST_TICKS) or 1]
        axes.set_xticks([*shown, places[CONTINUOUS]], [*map(str, shown), str(CONTINUOUS)])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=_MOST_TICKS))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(length=0)
    return axes


def span(values: Sequence[float], share: bool) -> tuple[float, float]:
    """Return the ends of an axis, with room for a number above a point; a share does not leave 0 to 100."""
    low, high = min(values), max(values)
    missing = max(0.0, _LEAST_SPAN * max(abs(low), abs(high)) - (high - low), 1e-6 - (high - low))
    low, high = low - missing / 2, high + missing / 2
    low, high = low - 0.15 * (high - low), high + 0.3 * (high - low)
    return (max(low, -4.0), min(high, 107.0)) if share else (low, high)


def annotate(axes: Any, text: str, place: tuple[float, float], up: float, **look: Any) -> None:
    """Write at a place of the axes, ``up`` points above it."""
    axes.annotate(text, place, xytext=(0, up), textcoords="offset points", fontsize=8, **look)


def legend_above(axes: Any) -> None:
    """Put the legend to the right of the title, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, fontsize=8, borderaxespad=0.0)


def finite(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    """Return updates and values; what is not a number leaves a gap."""
    return [update for update, _ in points], [value if math.isfinite(value) else math.nan for _, value in points]
