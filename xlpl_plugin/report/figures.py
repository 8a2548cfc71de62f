"""The pictures of a report: one for each thing to see, small enough for a phone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from xlpl_plugin.labels.heatmap import trials_figure
from xlpl_plugin.report.contents import ErrorRate, Report, RoundReport, StepTime, Training, TuningReport
from xlpl_plugin.report.drawing import (
    AMBER,
    BLUE,
    GREEN,
    PURPLE,
    RED,
    SOFT,
    WIDTH,
    Picture,
    new_figure,
    picture,
    style,
)
from xlpl_plugin.report.measures import Measure, measures_of

# kinds of step -> what they are called together, and their colour; others are "other"
_COSTS = {
    "train": ("training", BLUE),
    "emit": ("log-probs", AMBER),
    "tune": ("tuning", GREEN),
    "label": ("labels", RED),
}
_OTHER = ("other", PURPLE)
_NO_CURVE = {"utterances", "evidence_error"}
# an axis spans at least this share of what it shows, so that a steady number looks steady
_LEAST_SPAN = 0.25
# seconds of the longest stage
_HOURS_FROM = 7200.0


def draw_curves(report: Report) -> list[Picture]:
    """Return one picture for each label-free measure that at least two rounds have."""
    keys = {key for entry in report.rounds for key, value in entry.signals.items() if value is not None}
    pictures = []
    with style():
        for measure in measures_of(keys - _NO_CURVE):
            known = [entry for entry in report.rounds if entry.signals.get(measure.key) is not None]
            if len(known) > 1:
                pictures.append(_curve(measure, known, report.standing.best))
    return pictures


def _curve(measure: Measure, rounds: Sequence[RoundReport], best: int | None) -> Picture:
    numbers = [entry.number for entry in rounds]
    values = [measure.value(entry.signals[measure.key] or 0.0) for entry in rounds]
    figure = new_figure(2.1)
    axes = _over_rounds(figure, f"{measure.title}{', %' if measure.unit else ''}")
    axes.plot(numbers, values, color=BLUE, marker="o")
    if best in numbers:
        at = numbers.index(best)
        axes.plot([best], [values[at]], marker="o", markersize=11, fillstyle="none", color=RED)
    for number, value, entry in ((numbers[i], values[i], rounds[i]) for i in (0, -1)):
        text = measure.text(entry.signals[measure.key])
        _annotate(axes, text, (number, value), 8, ha="center")
    axes.set_xmargin(0.08)
    axes.set_ylim(_span(values, share=bool(measure.unit)))
    told = ", ".join(f"{entry.number}: {measure.text(entry.signals[measure.key])}" for entry in rounds)
    return picture(figure, measure.key, f"{measure.title} by round: {told}", measure.explained)


def _span(values: Sequence[float], share: bool) -> tuple[float, float]:
    """Return the ends of an axis, with room for a number above a point; a share does not leave 0 to 100."""
    low, high = min(values), max(values)
    missing = max(0.0, _LEAST_SPAN * max(abs(low), abs(high)) - (high - low), 1e-6 - (high - low))
    low, high = low - missing / 2, high + missing / 2
    low, high = low - 0.15 * (high - low), high + 0.3 * (high - low)
    return (max(low, -4.0), min(high, 107.0)) if share else (low, high)


def _over_rounds(figure: Any, title: str) -> Any:
    axes = figure.add_subplot()
    axes.set(title=title, xlabel="round")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.tick_params(length=0)
    return axes


def draw_scores(scores: Sequence[ErrorRate]) -> list[Picture]:
    """Return WER and CER over the rounds, with other systems as lines across; none without scores of rounds."""
    if not any(row.round is not None for row in scores):
        return []
    with style():
        return [
            _error_curve(scores, "wer", "word error rate"),
            _error_curve(scores, "cer", "character error rate"),
        ]


def _error_curve(scores: Sequence[ErrorRate], key: str, title: str) -> Picture:
    figure = new_figure(2.8)
    rounds = sorted({row.round for row in scores if row.round is not None})
    axes = _over_rounds(figure, f"{key.upper()}, %")
    told = []
    for name, colour, marker, line in (("LM", BLUE, "o", "-"), ("greedy", RED, "s", "--")):
        alike = [row for row in scores if row.greedy == (name == "greedy")]
        rows = sorted((row for row in alike if row.round is not None), key=_round)
        if rows:
            across, values = [_round(row) for row in rows], [100 * getattr(row, key) for row in rows]
            low, high = ([100 * getattr(row, f"{key}_interval")[side] for row in rows] for side in (0, 1))
            axes.fill_between(across, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.plot(across, values, color=colour, marker=marker, linestyle=line, label=name)
            told.append(f"{name} {', '.join(f'{value:.1f}' for value in values)}")
        for row in alike:
            if row.round is None:
                value = 100 * getattr(row, key)
                axes.axhline(value, color=colour, linestyle=":", linewidth=1.2)
                _annotate(axes, row.system, (rounds[0], value), 3, ha="left", color=SOFT)
                told.append(f"{row.system} {value:.1f}")
    axes.set_ylim(0, 1.08 * axes.dataLim.y1)
    _legend_above(axes)
    return picture(figure, key, f"{title} by round: {'; '.join(told)}", f"The {title}. Bands are 95 % intervals.")


def _annotate(axes: Any, text: str, place: tuple[float, float], up: float, **look: Any) -> None:
    axes.annotate(text, place, xytext=(0, up), textcoords="offset points", fontsize=8, **look)


def _legend_above(axes: Any) -> None:
    """Put the legend to the right of the title, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, fontsize=8, borderaxespad=0.0)


def _round(row: ErrorRate) -> int:
    return row.round or 0


def draw_trainings(trainings: Sequence[Training]) -> list[Picture]:
    """Return one picture for each training that has curves: loss, and below it the error rate of units."""
    with style():
        return [_training(training) for training in trainings if training.log and training.log.train]


def _training(training: Training) -> Picture:
    log = training.log
    assert log is not None
    figure = new_figure(3.0 if log.valid else 2.1)
    panels = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2]) if log.valid else [figure.add_subplot()]
    loss = panels[0]
    loss.plot(*_finite(log.train), color=BLUE, linewidth=1.2, label="training")
    loss.set_title(f"{training.name}: loss")
    told = f"training {log.train[-1][1]:.2f}"
    if log.valid:
        losses, errors = ([(row[0], row[column]) for row in log.valid] for column in (1, 2))
        loss.plot(*_finite(losses), color=RED, marker="s", markersize=3, linewidth=1.2, label="validation")
        panels[1].plot(*_finite(errors), color=GREEN, marker="o", markersize=3, linewidth=1.2)
        panels[1].set_title("validation UER, %", fontsize=9)
        panels[1].set_ylim(0, 1.15 * panels[1].dataLim.y1 or 1.0)
        told += f", validation {losses[-1][1]:.2f} with a UER of {errors[-1][1]:.1f} %"
    _legend_above(loss)
    panels[-1].set_xlabel("update")
    for axes in panels:
        axes.tick_params(length=0)
    return picture(figure, f"training-{training.name}", f"Loss of {training.name} by update; at the end: {told}")


def _finite(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    """Return updates and values; what is not a number leaves a gap."""
    return [update for update, _ in points], [value if math.isfinite(value) else math.nan for _, value in points]


def draw_tunings(tunings: Sequence[TuningReport]) -> list[Picture]:
    """Return a heat map for each tuning."""
    with style():
        return [_tuning(tuning) for tuning in tunings if tuning.trials]


def _tuning(tuning: TuningReport) -> Picture:
    best = tuning.best
    figure = trials_figure(tuning.trials, best, title=tuning.name, scale=tuning.criterion, size=(WIDTH, 3.7))
    refused = sum(bool(trial.refused) for trial in tuning.trials)
    alt = (
        f"{len(tuning.trials)} trials of {tuning.name}, {refused} of them refused by a guard; chosen: LM weight "
        f"{best.lm_weight:g}, word score {best.word_score:g}, blank penalty {best.blank_penalty:g}"
    )
    careful = "" if tuning.trusted else "The guards refused every trial; this is the least bad one."
    return picture(figure, f"tuning-{tuning.name.replace('/', '-')}", alt, careful)


def draw_costs(steps: Sequence[StepTime]) -> list[Picture]:
    """Return bars of the time that each stage took, by kind of step; none where no time is known."""
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for step in steps:
        if step.seconds:
            seconds[step.stage][_COSTS.get(step.kind, _OTHER)[0]] += step.seconds
    if not seconds:
        return []
    longest = max(sum(parts.values()) for parts in seconds.values())
    unit, factor = ("hours", 3600.0) if longest > _HOURS_FROM else ("minutes", 60.0)
    with style():
        figure = new_figure(1.1 + 0.3 * len(seconds))
        totals = _bars(figure.add_subplot(title=f"time, {unit}"), seconds, factor)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        told = ", ".join(f"{stage} {total:.1f}" for stage, total in zip(seconds, totals, strict=True))
        return [picture(figure, "time", f"Time in {unit}: {told}")]


def _bars(axes: Any, seconds: Mapping[str, Mapping[str, float]], factor: float) -> list[float]:
    """Draw a bar for each stage, its kinds of step end to end, and return how long the bars are."""
    stages = list(seconds)
    ends = [0.0] * len(stages)
    for kind, colour in (*_COSTS.values(), _OTHER):
        widths = [seconds[stage].get(kind, 0.0) / factor for stage in stages]
        if any(widths):
            axes.barh(stages, widths, left=ends, color=colour, height=0.66, label=kind)
            ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for row, end in enumerate(ends):
        _annotate(axes, f" {end:.1f}", (end, row), 0, va="center")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.set_xmargin(0.12)
    return ends
