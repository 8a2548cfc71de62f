"""The pictures of a report: one for each thing to see, small enough for a phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from xlpl_plugin.evaluation.scoring import Interval, Score
from xlpl_plugin.monitoring.display import Display
from xlpl_plugin.monitoring.signals import SIGNALS
from xlpl_plugin.report.contents import Report, StepReport, Training
from xlpl_plugin.report.figures.axes import annotate, axes_over_rounds, finite, legend_above, places_of, span
from xlpl_plugin.report.figures.drawing import (
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
from xlpl_plugin.report.summary import TRAININGS
from xlpl_plugin.stage import CONTINUOUS, Stage
from xlpl_plugin.tuning.heatmap import trials_figure
from xlpl_plugin.tuning.tune import Tuning

# kinds of step -> what they are called together, and their colour; others are "other"
_COSTS = {
    **dict.fromkeys(TRAININGS, ("training", BLUE)),
    "Emit": ("log-probs", AMBER),
    "Tune": ("tuning", GREEN),
    **dict.fromkeys(("Label", "Vote", "CrossLabels"), ("labels", RED)),
}
_OTHER = ("other", PURPLE)
_NO_CURVE = {"utterances", "evidence_error"}
# seconds of the longest stage
_HOURS_FROM = 7200.0


def draw_curves(report: Report) -> list[Picture]:
    """Return one picture for each signal that at least two stages have."""
    pictures = []
    with style():
        for display in SIGNALS:
            values = {entry.stage: entry.signal(display.key) for entry in report.stages}
            known = {stage: value for stage, value in values.items() if value is not None}
            if len(known) > 1 and display.key not in _NO_CURVE:
                pictures.append(_curve(display, known, report))
    return pictures


def _curve(display: Display, known: Mapping[Stage, float], report: Report) -> Picture:
    places = places_of(entry.stage for entry in report.stages)
    values = {stage: display.value(number) for stage, number in known.items()}
    figure = new_figure(2.1)
    axes = axes_over_rounds(figure, f"{display.title}{', %' if display.unit else ''}", places)
    _rounds_and_phase(axes, values, places, _start(report), color=BLUE, marker="o")
    best = report.status.best
    if best in values:
        axes.plot([places[best]], [values[best]], marker="o", markersize=11, fillstyle="none", color=RED)
    for stage in (min(known), max(known)):
        annotate(axes, display.text(known[stage]), (places[stage], values[stage]), 8, ha="center")
    axes.set_xmargin(0.08)
    axes.set_ylim(span(list(values.values()), share=bool(display.unit)))
    listed = ", ".join(f"{_short(stage)}: {display.text(number)}" for stage, number in known.items())
    return picture(figure, display.key, f"{display.title} by round: {listed}", display.explained)


def _start(report: Report) -> Stage | None:
    return report.continuous.start if report.continuous else None


def _short(stage: Stage) -> str:
    """Write a round as its number alone."""
    return str(stage).removeprefix("round ")


def _rounds_and_phase(
    axes: Any,
    values: Mapping[Stage, float],
    places: Mapping[Stage, int],
    start: Stage | None,
    label: str = "",
    **look: Any,
) -> None:
    """Draw a line through the rounds, and a dotted one from the round that the continuous phase began with to it."""
    rounds = [stage for stage in values if stage.is_round]
    line = [places[stage] for stage in rounds], [values[stage] for stage in rounds]
    axes.plot(*line, **look, **({"label": label} if label else {}))
    if CONTINUOUS in values:
        ends = [CONTINUOUS] if start is None or start not in values else [start, CONTINUOUS]
        across, up = [places[stage] for stage in ends], [values[stage] for stage in ends]
        axes.plot(across, up, **{**look, "linestyle": ":", "marker": ""})
        axes.plot(across[-1:], up[-1:], **{**look, "marker": "D"})


def draw_scores(report: Report) -> list[Picture]:
    """Return WER and CER over the rounds, with other systems as lines across; none without scores of rounds."""
    scores, start = report.scores, _start(report)
    if not any(row.stage is not None for row in scores):
        return []
    with style():
        return [
            _error_curve(scores, start, "wer", "word error rate"),
            _error_curve(scores, start, "cer", "character error rate"),
        ]


def _error_curve(scores: Sequence[Score], start: Stage | None, key: str, name_of_rate: str) -> Picture:
    figure = new_figure(2.8)
    places = places_of(row.stage for row in scores if row.stage is not None)
    axes = axes_over_rounds(figure, f"{key.upper()}, %", places)
    listed = []
    for name, colour, marker, line in (("LM", BLUE, "o", "-"), ("greedy", RED, "s", "--")):
        alike = [row for row in scores if row.greedy == (name == "greedy")]
        rows = {stage: row for stage in places for row in alike if row.stage == stage}
        if rows:
            values = {stage: 100 * _rate(row, key).value for stage, row in rows.items()}
            _intervals(axes, {stage: _rate(row, key) for stage, row in rows.items()}, places, colour)
            _rounds_and_phase(axes, values, places, start, label=name, color=colour, marker=marker, linestyle=line)
            listed.append(f"{name} {', '.join(f'{value:.1f}' for value in values.values())}")
        for row in alike:
            if row.stage is None:
                value = 100 * _rate(row, key).value
                axes.axhline(value, color=colour, linestyle=":", linewidth=1.2)
                annotate(axes, row.system, (min(places.values()), value), 3, ha="left", color=SOFT)
                listed.append(f"{row.system} {value:.1f}")
    axes.set_ylim(0, 1.08 * axes.dataLim.y1)
    legend_above(axes)
    alt = f"{name_of_rate} by round: {'; '.join(listed)}"
    return picture(figure, key, alt, f"The {name_of_rate}. Bands are 95 % intervals.")


def _rate(row: Score, key: str) -> Interval:
    return row.wer if key == "wer" else row.cer


def _intervals(axes: Any, rates: Mapping[Stage, Interval], places: Mapping[Stage, int], colour: str) -> None:
    """Draw the intervals: a band along the rounds, a bar for the continuous phase."""
    ends = {stage: (100 * rate.low, 100 * rate.high) for stage, rate in rates.items()}
    rounds = [stage for stage in ends if stage.is_round]
    low, high = ([ends[stage][side] for stage in rounds] for side in (0, 1))
    axes.fill_between([places[stage] for stage in rounds], low, high, color=colour, alpha=0.15, linewidth=0)
    if CONTINUOUS in ends:
        axes.vlines(places[CONTINUOUS], *ends[CONTINUOUS], color=colour, alpha=0.3, linewidth=5)


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
    listed = f"training {log.train[-1][1]:.2f}"
    if log.valid:
        losses, errors = ([(row[0], row[column]) for row in log.valid] for column in (1, 2))
        loss.plot(*finite(losses), color=RED, marker="s", markersize=3, linewidth=1.2, label="validation")
        panels[1].plot(*finite(errors), color=GREEN, marker="o", markersize=3, linewidth=1.2)
        panels[1].set_title("validation UER, %", fontsize=9)
        panels[1].set_ylim(0, 1.15 * panels[1].dataLim.y1 or 1.0)
        listed += f", validation {losses[-1][1]:.2f} with a UER of {errors[-1][1]:.1f} %"
    legend_above(loss)
    panels[-1].set_xlabel("update")
    for axes in panels:
        axes.tick_params(length=0)
    return picture(
        figure,
        f"training-{training.name.replace('/', '-')}",
        f"Loss of {training.name} by update; at the end: {listed}",
    )


def draw_tunings(tunings: Mapping[str, Tuning]) -> list[Picture]:
    """Return a heat map for each tuning."""
    with style():
        return [_tuning(name, tuning) for name, tuning in tunings.items()]


def _tuning(name: str, tuning: Tuning) -> Picture:
    best = tuning.best
    figure = trials_figure(
        tuning.trials, best, title=name, scale=f"tuning score, {tuning.criterion}", size=(WIDTH, 3.7)
    )
    refused = sum(bool(trial.refused) for trial in tuning.trials)
    alt = (
        f"{len(tuning.trials)} trials of {name}, {refused} of them refused by a guard; chosen: LM weight "
        f"{best.lm_weight:g}, word score {best.word_score:g}, blank penalty {best.blank_penalty:g}"
    )
    careful = "" if tuning.trusted else "The guards refused every trial; this is the least bad one."
    return picture(figure, f"tuning-{name.replace('/', '-')}", alt, careful)


def draw_costs(steps: Sequence[StepReport]) -> list[Picture]:
    """Return bars of the time that each stage took, by kind of step; none where no time is known."""
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for step in steps:
        if step.progress.seconds:
            seconds[step.step.folder][_COSTS.get(step.step.kind, _OTHER)[0]] += step.progress.seconds
    if not seconds:
        return []
    longest = max(sum(parts.values()) for parts in seconds.values())
    unit, factor = ("hours", 3600.0) if longest > _HOURS_FROM else ("minutes", 60.0)
    with style():
        figure = new_figure(1.1 + 0.3 * len(seconds))
        totals = _bars(figure.add_subplot(title=f"time, {unit}"), seconds, factor)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        listed = ", ".join(f"{stage} {total:.1f}" for stage, total in zip(seconds, totals, strict=True))
        return [picture(figure, "time", f"Time in {unit}: {listed}")]


def _bars(axes: Any, seconds: Mapping[str, Mapping[str, float]], factor: float) -> list[float]:
    """Draw a bar for each stage, its kinds of step end to end, and return how long the bars are."""
    stages = list(seconds)
    ends = [0.0] * len(stages)
    for kind, colour in dict.fromkeys((*_COSTS.values(), _OTHER)):
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
