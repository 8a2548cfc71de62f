"""What a report says of the continuous phase: sentences and figures."""

from __future__ import annotations

from collections.abc import Iterator

from xlpl_plugin.monitoring.training_log import TrainingLog
from xlpl_plugin.report.contents import Phase, Report
from xlpl_plugin.report.summary import FIRST, Fact, called, sentence
from xlpl_plugin.stage import Stage

# figures of which the first and the last value are told: key of the log -> title and unit
_COURSES = {
    "pl_length": ("units a second in new labels", ""),
    "pl_blank": ("blank frames in new labels", " %"),
    "pl_churn": ("changed units in new labels", " %"),
}


def told_of_phase(report: Report) -> list[str]:
    """Return sentences: where the continuous phase started, and whether its model was taken and why; none without."""
    phase = report.continuous
    return [*_start(phase), _judgement(phase)] if phase else []


def _start(phase: Phase) -> Iterator[str]:
    if phase.start is not None:
        source = ", the source model" if phase.start == FIRST else ""
        yield f"It started from the model of {called(phase.start)}{source}, and labelled batches as it trained."


def _judgement(phase: Phase) -> str:
    result = phase.result
    if result is None:
        return "It has not been judged yet."
    start = called(Stage.round(result.start))
    if result.score is None or result.start_score is None:
        return f"Its model was not taken, since without an LM nothing tells whether it is better than {start}."
    scores = f"{result.score:.3f} against {result.start_score:.3f} of {start}"
    if result.taken:
        return f"Its model is the one to use: the label-free score of held-out audio, which should be low, is {scores}."
    return (
        f"Its model was not taken, since without references it is no better than {start}: the label-free score of "
        f"held-out audio, which should be low, is {scores}."
    )


def told_of_collapse(report: Report) -> str:
    """Return why the continuous phase ended early, and what became of it; nothing where it did not."""
    phase = report.continuous
    if phase is None or not phase.reason:
        return ""
    record = phase.collapse
    when = f" at update {record.update}" if record else ""
    of = f", of update {record.rolled_back_to}" if record else ""
    return (
        f"It collapsed{when}. {sentence(phase.reason)} The training ended there and went back to its last good "
        f"checkpoint{of}; that is the model that was measured."
    )


def facts_of_phase(report: Report) -> list[Fact]:
    """Return the figures that its training logged."""
    log = report.continuous_log
    return list(_facts(log)) if log else []


def _facts(log: TrainingLog) -> Iterator[Fact]:
    yield Fact("updates", str(log.updates), "")
    if replaced := log.continuous.get("replaced"):
        yield Fact("batches labelled anew", f"{sum(count for _, count in replaced):.0f}", "")
    for key, (name, unit) in _COURSES.items():
        if points := log.continuous.get(key):
            yield Fact(name, f"{points[-1][1]:.1f}{unit}", f"at first: {points[0][1]:.1f}{unit}")
