"""The tables of a page: rounds side by side, a row for each number, so that a row can be read as a course."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

from xlpl_plugin.evaluation.scoring import Score
from xlpl_plugin.monitoring.display import Display
from xlpl_plugin.monitoring.signals import SIGNALS, WEIGHTS
from xlpl_plugin.report.contents import Report

_REFERENCES = "Against references"


@dataclass(frozen=True)
class Row:
    """A cell for each round of the report."""

    title: str
    meaning: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Rows under a common heading, which may be empty."""

    title: str
    rows: tuple[Row, ...]


def table_of_stages(report: Report) -> list[Group]:
    """Return error rates where there are scores, the label-free signals, and the decoder's weights."""
    scores = _score_rows(report)
    known = [
        display
        for display in (*SIGNALS, *WEIGHTS)
        if any(entry.signal(display.key) is not None for entry in report.stages)
    ]
    groups = [
        Group(title, tuple(_row(display, report) for display in members))
        for title, members in groupby(known, key=lambda display: display.group)
    ]
    return [*([Group(_REFERENCES, scores)] if scores else []), *groups]


def _row(display: Display, report: Report) -> Row:
    title = f"{display.title}, %" if display.unit else display.title
    if display.key == "lm_perplexity":  # name the LM
        measured = [entry.measured for entry in report.stages if entry.measured]
        title = ", ".join([title, *sorted({entry.signals.perplexity_lm for entry in measured} - {""})])
    return Row(title, display.explained, tuple(display.text(entry.signal(display.key)) for entry in report.stages))


def _score_rows(report: Report) -> tuple[Row, ...]:
    rows = []
    for greedy, key in ((False, "wer"), (False, "cer"), (True, "wer"), (True, "cer")):
        found = {row.stage: row for row in report.scores if row.greedy == greedy and row.stage is not None}
        if found:
            title = f"{key.upper()}, {'greedy' if greedy else 'LM'}, %"
            rows.append(Row(title, "", tuple(_rate(found.get(entry.stage), key) for entry in report.stages)))
    return tuple(rows)


def _rate(row: Score | None, key: str) -> str:
    return "–" if row is None else f"{100 * getattr(row, key).value:.1f}"


def table_of_filters(report: Report) -> list[Group]:
    """Return what was labelled, what each filter removed, and what was kept; nothing where no labels are finished."""
    filtered = [entry.summary for entry in report.stages]
    if not any(filtered):
        return []
    removed = [{row.name: row.removed for row in found.filters} if found else {} for found in filtered]
    rows = [Row("labelled", "", tuple(str(found.utterances) if found else "–" for found in filtered))]
    for name in active_filters(report):
        rows.append(Row(_name(name), "", tuple(str(counts.get(name, "–")) for counts in removed)))
    rows.append(Row("kept", "", tuple(str(found.kept) if found else "–" for found in filtered)))
    shares = (f"{100 * found.kept_seconds / max(found.seconds, 1e-9):.1f}" if found else "–" for found in filtered)
    rows.append(Row("kept, % of the audio", "", tuple(shares)))
    return [Group("", tuple(rows))]


def active_filters(report: Report) -> list[str]:
    """Return the filters that removed something in some round, in the order in which they apply."""
    counts = _removed(report)
    return [name for name, count in counts.items() if count]


def idle_filters(report: Report) -> list[str]:
    """Return those that were applied and removed nothing in any round."""
    return [_name(name) for name, count in _removed(report).items() if not count]


def _removed(report: Report) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in report.stages:
        for row in entry.summary.filters if entry.summary else ():
            counts[row.name] = counts.get(row.name, 0) + row.removed
    return counts


def _name(filter_name: str) -> str:
    return filter_name.replace("_", " ")


def votes(report: Report) -> dict[str, str]:
    """Return for each stage whose labels are of several models how many are of each, in words."""
    return {
        str(entry.stage): ", ".join(f"{tally.won} of {_voter(path)}" for path, tally in entry.labels.voters.items())
        for entry in report.stages
        if entry.labels and entry.labels.voters
    }


def _voter(path: str) -> str:
    """Return a voter's name, where its labels lie in a run as RUN/round-0/voter-2/labels/SPLIT, else the path."""
    return next((part for part in PurePath(path).parts if part.startswith("voter-")), path)
