"""The first lines of a page: how the run stands, in a sentence and some figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xlpl_plugin.monitoring.expected_error import expected_error
from xlpl_plugin.monitoring.signals import SIGNALS
from xlpl_plugin.report.contents import Report, StageReport
from xlpl_plugin.run.correction_words import size_of, told_of_corrections, told_of_unknown_words
from xlpl_plugin.stage import CONTINUOUS, Stage

FIRST = Stage.round(0)
# kinds of step that train
TRAININGS = ("Train", "Continue")


@dataclass(frozen=True)
class Fact:
    """A figure, and in small print what to compare it with."""

    title: str
    value: str
    more: str


def headline(report: Report) -> str:
    """Return one sentence: the best round, and whether it may still be beaten."""
    status = report.status
    last = status.rounds_measured
    if status.best is None:
        return "No round has been measured yet"
    best = "the source model, round 0," if status.best == FIRST else called(status.best)
    phase = called(CONTINUOUS) if report.continuous and status.best != CONTINUOUS else ""
    if status.ending == "finished":
        rounds = f"{last} {'round' if last == 1 else 'rounds'}"
        return f"Finished after {rounds}{phase and f' and {phase}'}: {best} is the best"
    if status.ending == "stopped":
        return f"Stopped after round {last}{phase and f', then {phase}'}: {best} is the best"
    return f"{'Unfinished' if status.ending == 'unfinished' else 'As far as it is known'}: {best} is the best so far"


def called(stage: Stage) -> str:
    """Return what a round, or the continuous phase, is called within a sentence.

    >>> called(Stage.round(3)), called(CONTINUOUS)
    ('round 3', 'the continuous phase')
    """
    return "the continuous phase" if stage == CONTINUOUS else str(stage)


def duration(seconds: float) -> str:
    """Write seconds for people.

    >>> duration(42), duration(605), duration(7505)
    ('42 s', '10 min 5 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def sentence(text: str) -> str:
    """Write a remark of the run as a sentence of its own.

    >>> sentence("no round was better")
    'No round was better.'
    """
    return text and f"{text[0].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def facts(report: Report) -> list[Fact]:
    """Return the figures that are known, the most telling first."""
    return [
        fact
        for find in (_error_rate, _expected, _label_free, _changed, _audio, _corrected, _steps, _time)
        for fact in find(report)
    ]


def _error_rate(report: Report) -> Iterator[Fact]:
    rows = {row.stage: row for row in report.scores if row.stage is not None and not row.greedy}
    if report.status.best not in rows:
        return
    chosen = rows[report.status.best]
    lowest = min(rows.values(), key=lambda row: row.rate.value)
    before = [FIRST]
    phase = report.continuous
    if phase and phase.result and phase.result.taken:
        before.append(Stage.round(phase.result.start))
    more = [
        f"{stage}: {100 * rows[stage].rate.value:.1f} %"
        for stage in dict.fromkeys(before)
        if stage in rows and rows[stage] is not chosen
    ]
    if lowest.rate.value < chosen.rate.value:
        more.append(f"lowest: {called(lowest.stage or FIRST)}, {100 * lowest.rate.value:.1f} %")
    elif len(rows) > 1:
        more.append("the lowest of all rounds")
    of_what = called(CONTINUOUS) if chosen.stage == CONTINUOUS else "the best round"
    yield Fact(f"{chosen.headline} of {of_what}", f"{100 * chosen.rate.value:.1f} %", "; ".join(more))


def _expected(report: Report) -> Iterator[Fact]:
    """Say what the signals of the best stage lead to expect, where references say nothing."""
    entry = _best(report)
    if report.scores or entry is None or entry.measured is None:
        return
    if expected := expected_error(entry.measured.signals):
        yield Fact("WER, without references", expected.told(), "by the signals of runs on other languages")


def _label_free(report: Report) -> Iterator[Fact]:
    display = next(display for display in SIGNALS if display.key == "label_free")
    entry = _best(report)
    value = entry.signal(display.key) if entry else None
    if entry is None or value is None:
        return
    first = report.stages[0].signal(display.key)
    more = f"round 0: {display.text(first)}; lower is better" if first is not None and entry.stage != FIRST else ""
    yield Fact("label-free score", display.text(value), more or "lower is better")


def _best(report: Report) -> StageReport | None:
    return next((entry for entry in report.stages if entry.stage == report.status.best), None)


def _changed(report: Report) -> Iterator[Fact]:
    for entry in reversed(report.stages):
        if (change := entry.signal("change")) is not None:
            yield Fact("words that changed", f"{100 * change:.1f} %", f"in {called(entry.stage)}")
            return


def _audio(report: Report) -> Iterator[Fact]:
    summary = next((entry.summary for entry in report.stages if entry.summary), None)
    if summary:
        yield Fact("audio labelled", duration(summary.seconds), f"{summary.utterances} utterances")


def _corrected(report: Report) -> Iterator[Fact]:
    if report.corrections:
        utterances, words, minutes = size_of(report.corrections.tables)
        yield Fact("transcribed by a person", duration(60 * minutes), f"{utterances}, {words}")


def told_of_person(report: Report) -> list[str]:
    """Return sentences: what a person transcribed, and what that means for the best round; none for other runs."""
    record, best = report.corrections, report.status.best
    if record is None:
        return []
    told = [sentence(told_of_corrections(record.tables)), told_of_unknown_words(record)]
    if best is not None and best < Stage.round(min(table.from_round for table in record.tables)):
        told.append(f"The best round, {best.number}, was before that: its model learned from no transcript.")
    return list(filter(None, told))


def _steps(report: Report) -> Iterator[Fact]:
    status = report.status
    if status.steps_planned:
        more = f"next: {status.next_step}" if status.ending == "unfinished" else ""
        yield Fact("steps done", f"{status.steps_done} of {status.steps_planned}", more)


def _time(report: Report) -> Iterator[Fact]:
    total = sum(step.progress.seconds for step in report.steps)
    if total:
        training = sum(step.progress.seconds for step in report.steps if step.step.kind in TRAININGS)
        yield Fact("time", duration(total), f"{100 * training / total:.0f} % of it training")
