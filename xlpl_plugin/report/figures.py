"""The pictures of a report: one for each thing to see, small enough for a phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from xlpl_plugin.report.axes import annotate, axes_over_rounds, finite, legend_above, places_of, span
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
from xlpl_plugin.report.stages import CONTINUOUS, title
from xlpl_plugin.tuning.heatmap import trials_figure

# kinds of step -> what they are called together, and their colour; others are "other"
_COSTS = {
    "train": ("training", BLUE),
    "emit": ("log-probs", AMBER),
    "tune": ("tuning", GREEN),
    "label": ("labels", RED),
}
_OTHER = ("other", PURPLE)
_NO_CURVE = {"utterances", "evidence_error"}
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
                pictures.append(_curve(measure, known, report))
    return pictures


def _curve(measure: Measure, known: Sequence[RoundReport], report: Report) -> Picture:
    places = places_of(entry.number for entry in report.rounds)
    values = {entry.number: measure.value(entry.signals[measure.key] or 0.0) for entry in known}
    figure = new_figure(2.1)
    axes = axes_over_rounds(figure, f"{measure.title}{', %' if measure.unit else ''}", places)
    _rounds_and_phase(axes, values, places, _start(report), color=BLUE, marker="o")
    best = report.standing.best
    if best in values:
        axes.plot([places[best]], [values[best]], marker="o", markersize=11, fillstyle="none", color=RED)
    for entry in (known[0], known[-1]):
        text = measure.text(entry.signals[measure.key])
        annotate(axes, text, (places[entry.number], values[entry.number]), 8, ha="center")
    axes.set_xmargin(0.08)
    axes.set_ylim(span(list(values.values()), share=bool(measure.unit)))
    told = ", ".join(f"{_short(entry.number)}: {measure.text(entry.signals[measure.key])}" for entry in known)
    return picture(figure, measure.key, f"{measure.title} by round: {told}", measure.explained)


def _start(report: Report) -> int | None:
    return report.continuous.start if report.continuous else None


def _short(number: int) -> str:
    """Write a round as its number alone."""
    return title(number).removeprefix("round ")


def _rounds_and_phase(
    axes: Any, values: Mapping[int, float], places: Mapping[int, int], start: int | None, label: str = "", **look: Any
) -> None:
    """Draw a line through the rounds, and a dotted one from the round that the continuous phase began with to it."""
    rounds = [number for number in values if number != CONTINUOUS]
    axes.plot(rounds, [values[number] for number in rounds], **look, **({"label": label} if label else {}))
    if CONTINUOUS in values:
        ends = [CONTINUOUS] if start is None or start not in values else [start, CONTINUOUS]
        across, up = [places[number] for number in ends], [values[number] for number in ends]
        axes.plot(across, up, **{**look, "linestyle": ":", "marker": ""})
        axes.plot(across[-1:], up[-1:], **{**look, "marker": "D"})


def draw_scores(report: Report) -> list[Picture]:
    """Return WER and CER over the rounds, with other systems as lines across; none without scores of rounds."""
    scores, start = report.scores, _start(report)
    if not any(row.round is not None for row in scores):
        return []
    with style():
        return [
            _error_curve(scores, start, "wer", "word error rate"),
            _error_curve(scores, start, "cer", "character error rate"),
        ]


def _error_curve(scores: Sequence[ErrorRate], start: int | None, key: str, name_of_rate: str) -> Picture:
    figure = new_figure(2.8)
    places = places_of(row.round for row in scores if row.round is not None)
    axes = axes_over_rounds(figure, f"{key.upper()}, %", places)
    told = []
    for name, colour, marker, line in (("LM", BLUE, "o", "-"), ("greedy", RED, "s", "--")):
        alike = [row for row in scores if row.greedy == (name == "greedy")]
        rows = {row.round: row for row in sorted(alike, key=_round) if row.round is not None}
        if rows:
            values = {number: 100 * getattr(row, key) for number, row in rows.items()}
            _intervals(axes, rows, places, key, colour)
            _rounds_and_phase(axes, values, places, start, label=name, color=colour, marker=marker, linestyle=line)
            told.append(f"{name} {', '.join(f'{value:.1f}' for value in values.values())}")
        for row in alike:
            if row.round is None:
                value = 100 * getattr(row, key)
                axes.axhline(value, color=colour, linestyle=":", linewidth=1.2)
                annotate(axes, row.system, (min(places.values()), value), 3, ha="left", color=SOFT)
                told.append(f"{row.system} {value:.1f}")
    axes.set_ylim(0, 1.08 * axes.dataLim.y1)
    legend_above(axes)
    alt = f"{name_of_rate} by round: {'; '.join(told)}"
    return picture(figure, key, alt, f"The {name_of_rate}. Bands are 95 % intervals.")


def _intervals(axes: Any, rows: Mapping[int, ErrorRate], places: Mapping[int, int], key: str, colour: str) -> None:
    """Draw the intervals: a band along the rounds, a bar for the continuous phase."""
    ends = {number: [100 * end for end in getattr(row, f"{key}_interval")] for number, row in rows.items()}
    rounds = [number for number in ends if number != CONTINUOUS]
    low, high = ([ends[number][side] for number in rounds] for side in (0, 1))
    axes.fill_between(rounds, low, high, color=colour, alpha=0.15, linewidth=0)
    if CONTINUOUS in ends:
        axes.vlines(places[CONTINUOUS], *ends[CONTINUOUS], color=colour, alpha=0.3, linewidth=5)


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
    loss.plot(*finite(log.train), color=BLUE, linewidth=1.2, label="training")
    loss.set_title(f"{training.name}: loss")
    told = f"training {log.train[-1][1]:.2f}"
    if log.valid:
        losses, errors = ([(row[0], row[column]) for row in log.valid] for column in (1, 2))
        loss.plot(*finite(losses), color=RED, marker="s", markersize=3, linewidth=1.2, label="validation")
        panels[1].plot(*finite(errors), color=GREEN, marker="o", markersize=3, linewidth=1.2)
        panels[1].set_title("validation UER, %", fontsize=9)
        panels[1].set_ylim(0, 1.15 * panels[1].dataLim.y1 or 1.0)
        told += f", validation {losses[-1][1]:.2f} with a UER of {errors[-1][1]:.1f} %"
    legend_above(loss)
    panels[-1].set_xlabel("update")
    for axes in panels:
        axes.tick_params(length=0)
    return picture(figure, f"training-{training.name}", f"Loss of {training.name} by update; at the end: {told}")


def draw_tunings(tunings: Sequence[TuningReport]) -> list[Picture]:
    """Return a heat map for each tuning."""
    with style():
        return [_tuning(tuning) for tuning in tunings if tuning.trials]


def _tuning(tuning: TuningReport) -> Picture:
    best = tuning.best
    figure = trials_figure(
        tuning.trials, best, title=tuning.name, scale=f"tuning score, {tuning.criterion}", size=(WIDTH, 3.7)
    )
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
        annotate(axes, f" {end:.1f}", (end, row), 0, va="center")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.set_xmargin(0.12)
    return ends
