"""A picture of trials: LM weight and word score, coloured by how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xlpl_plugin.decoding import Weights
from xlpl_plugin.files import atomic_open

Array = NDArray[np.float64]

_CELLS = 120
# width of the kernel that fills the gaps between trials, as a share of the range
_KERNEL = 0.1
# the colours end where this share of the trials is better, or a few hopeless trials would take them all
_WORST_SHARE = 0.7


# inches of the width for which the sizes of the marks below are made
_WIDTH = 8.0


class ScoredTrial(Protocol):
    """A trial, as far as a picture needs it."""

    @property
    def weights(self) -> Weights: ...

    @property
    def value(self) -> float: ...

    @property
    def refused(self) -> str: ...


def draw_trials(
    file: str | Path, trials: Sequence[ScoredTrial], chosen: Weights, *, title: str, scale: str, percent: bool = False
) -> None:
    """Draw the trials as a PNG; arguments as of ``trials_figure``."""
    figure = trials_figure(trials, chosen, title=title, scale=scale, percent=percent)
    with atomic_open(file, "wb") as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})


def trials_figure(
    trials: Sequence[ScoredTrial],
    chosen: Weights,
    *,
    title: str,
    scale: str,
    percent: bool = False,
    size: tuple[float, float] = (_WIDTH, 6.0),
) -> Any:
    """Return the trials as a figure of matplotlib.

    The ground is a kernel average of the trials that passed the guards, each by its value at its own blank penalty;
    the trials themselves are dots of the same colours, those refused are crosses.

    Args:
        trials: at least one, sorted or not.
        scale: what ``value`` is called; ``percent``: it is a share, to be shown in per cent.
        size: width and height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # nothing else here needs it, and it loads slowly
    from matplotlib.figure import Figure

    shrink = size[0] / _WIDTH
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    passed = [trial for trial in trials if not trial.refused]
    refused = [trial for trial in trials if trial.refused]
    limits = _limits(_places(trials))
    axes.grid(visible=False)
    if passed:
        dots = _draw_passed(axes, passed, limits, 100.0 if percent else 1.0, shrink)
        unit = ", %" if percent else ""
        figure.colorbar(dots, ax=axes, label=f"{scale}{unit} (lower is better)", extend="max")
    if refused:
        across, up = _places(refused).T
        axes.scatter(across, up, marker="X", s=70 * shrink, c="white", edgecolors="black", label="refused by a guard")
    _draw_chosen(axes, chosen, shrink)
    axes.set(xlim=limits[0], ylim=limits[1], xlabel="LM weight", ylabel="word score", title=title)
    figure.legend(loc="outside lower center", ncols=2 if shrink == 1 else 1, frameon=False)
    return figure


def _draw_passed(axes: Any, passed: Sequence[ScoredTrial], limits: Array, factor: float, shrink: float) -> Any:
    """Draw ground and dots; return the dots, whose colours are the scale."""
    places = _places(passed)
    values = factor * np.array([trial.value for trial in passed])
    best, worst = values.min(), np.quantile(values, _WORST_SHARE)
    style = {"cmap": "viridis_r", "vmin": best, "vmax": max(worst, best + 1e-9)}
    ground = _smooth(places, np.minimum(values, worst), limits)
    axes.imshow(ground, origin="lower", aspect="auto", extent=limits.ravel(), interpolation="bilinear", **style)
    # the best on top
    order = np.argsort(-values)
    across, up = places[order].T
    return axes.scatter(across, up, c=values[order], s=46 * shrink, edgecolors="white", linewidths=0.9, **style)


def _draw_chosen(axes: Any, chosen: Weights, shrink: float) -> None:
    axes.scatter(
        [chosen.lm_weight],
        [chosen.word_score],
        marker="*",
        s=340 * shrink,
        c="crimson",
        edgecolors="white",
        linewidths=1.5 * shrink,
        zorder=5,
        label=f"chosen: {chosen.lm_weight:g} / {chosen.word_score:g}, blank penalty {chosen.blank_penalty:g}",
    )


def _places(trials: Sequence[ScoredTrial]) -> Array:
    return np.array([astuple(trial.weights)[:2] for trial in trials], dtype=np.float64)


def _limits(places: Array) -> Array:
    """Return (2, 2): lowest and highest of LM weight and of word score, with a margin, also around a single place."""
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.where(high > low, 0.05 * (high - low), 0.5)
    return np.stack([low - margin, high + margin], axis=1)


def _smooth(places: Array, values: Array, limits: Array) -> Array:
    """Return (cells, cells) kernel averages, word score by LM weight."""
    shares = (places - limits[:, 0]) / (limits[:, 1] - limits[:, 0])
    grid = np.linspace(0, 1, _CELLS)
    # the floor: far from all trials there is their mean
    x, y = (np.exp(-0.5 * ((grid[:, None] - axis) / _KERNEL) ** 2) + 1e-6 for axis in shares.T)
    average: Array = (y * values) @ x.T / (y @ x.T)
    return average
