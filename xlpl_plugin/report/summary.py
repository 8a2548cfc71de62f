"""The first lines of a page: how the run stands, in a sentence and some figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xlpl_plugin.report.contents import Report
from xlpl_plugin.report.measures import MEASURES
from xlpl_plugin.report.stages import CONTINUOUS, title


@dataclass(frozen=True)
class Fact:
    """A figure, and in small print what to compare it with."""

    title: str
    value: str
    more: str


def headline(report: Report) -> str:
    """Return one sentence: the best round, and whether it may still be beaten."""
    standing = report.standing
    last = standing.rounds_measured
    if standing.best is None:
        return "No round has been measured yet"
    best = called(standing.best) if standing.best else "the source model, round 0,"
    phase = called(CONTINUOUS) if report.continuous and standing.best != CONTINUOUS else ""
    if standing.outcome == "finished":
        rounds = f"{last} {'round' if last == 1 else 'rounds'}"
        return f"Finished after {rounds}{phase and f' and {phase}'}: {best} is the best"
    if standing.outcome == "stopped":
        return f"Stopped after round {last}{phase and f', then {phase}'}: {best} is the best"
    return f"{'Unfinished' if standing.outcome == 'unfinished' else 'As far as it is known'}: {best} is the best so far"


def called(number: int) -> str:
    """Return what a round, or the continuous phase, is called within a sentence.

    >>> called(3), called(CONTINUOUS)
    ('round 3', 'the continuous phase')
    """
    return "the continuous phase" if number == CONTINUOUS else title(number)


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
    return [fact for find in (_error_rate, _label_free, _changed, _audio, _steps, _time) for fact in find(report)]


def _error_rate(report: Report) -> Iterator[Fact]:
    rounds = {row.round: row for row in report.scores if row.round is not None and not row.greedy}
    if report.standing.best not in rounds:
        return
    chosen = rounds[report.standing.best]
    lowest = min(rounds.values(), key=lambda row: row.wer)
    before = {0: rounds.get(0)}
    if report.continuous and report.continuous.taken and report.continuous.start is not None:
        before[report.continuous.start] = rounds.get(report.continuous.start)
    more = [f"{title(number)}: {100 * row.wer:.1f} %" for number, row in before.items() if row and row is not chosen]
    if lowest.wer < chosen.wer:
        more.append(f"lowest: {called(lowest.round or 0)}, {100 * lowest.wer:.1f} %")
    elif len(rounds) > 1:
        more.append("the lowest of all rounds")
    of_what = called(CONTINUOUS) if chosen.round == CONTINUOUS else "the best round"
    yield Fact(f"WER of {of_what}", f"{100 * chosen.wer:.1f} %", "; ".join(more))


def _label_free(report: Report) -> Iterator[Fact]:
    measure = next(measure for measure in MEASURES if measure.key == "label_free")
    chosen = next((entry for entry in report.rounds if entry.number == report.standing.best), None)
    value = chosen.signals.get(measure.key) if chosen else None
    if value is None:
        return
    first = report.rounds[0].signals.get(measure.key)
    more = f"round 0: {measure.text(first)}; lower is better" if first is not None and report.standing.best else ""
    yield Fact("label-free score", measure.text(value), more or "lower is better")


def _changed(report: Report) -> Iterator[Fact]:
    last = next((entry for entry in reversed(report.rounds) if entry.signals.get("change") is not None), None)
    if last is not None:
        yield Fact("words that changed", f"{100 * (last.signals['change'] or 0):.1f} %", f"in {called(last.number)}")


def _audio(report: Report) -> Iterator[Fact]:
    filtering = next((entry.filtering for entry in report.rounds if entry.filtering), None)
    if filtering:
        yield Fact("audio labelled", duration(filtering.seconds), f"{filtering.utterances} utterances")


def _steps(report: Report) -> Iterator[Fact]:
    standing = report.standing
    if standing.steps_planned:
        more = f"next: {standing.next_step}" if standing.outcome == "unfinished" else ""
        yield Fact("steps done", f"{standing.steps_done} of {standing.steps_planned}", more)


def _time(report: Report) -> Iterator[Fact]:
    total = sum(step.seconds for step in report.steps)
    if total:
        training = sum(step.seconds for step in report.steps if step.kind == "train")
        yield Fact("time", duration(total), f"{100 * training / total:.0f} % of it training")
