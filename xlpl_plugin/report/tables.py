"""The tables of a page: rounds side by side, a row for each number, so that a row can be read as a course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from xlpl_plugin.report.contents import ErrorRate, Report
from xlpl_plugin.report.measures import Measure, measures_of

_REFERENCES = "Against references"
_WEIGHTS = (
    Measure("lm_weight", "LM weight", "Decoder", "0.01", "", "How much the language model counts."),
    Measure("word_score", "word score", "Decoder", "0.01", "", "Added for each word: the higher, the more words."),
    Measure("blank_penalty", "blank penalty", "Decoder", "0.01", "", "The higher, the fewer blanks and more letters."),
    Measure("beam", "beam", "Decoder", "count", "", "Hypotheses that the search keeps."),
)


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


def table_of_rounds(report: Report) -> list[Group]:
    """Return error rates where there are scores, the label-free measures, and the decoder's weights."""
    scores = _score_rows(report)
    measured = {key for entry in report.rounds for key, value in entry.signals.items() if value is not None}
    measures = _grouped(_with_judge(measures_of(measured), report), [entry.signals for entry in report.rounds])
    weighed = {key for entry in report.rounds for key in entry.weights}
    weights = _grouped(
        [weight for weight in _WEIGHTS if weight.key in weighed], [entry.weights for entry in report.rounds]
    )
    return [*([Group(_REFERENCES, scores)] if scores else []), *measures, *weights]


def _with_judge(measures: Sequence[Measure], report: Report) -> list[Measure]:
    """Name the LM whose perplexity is shown."""
    judges = ", ".join(sorted({entry.perplexity_lm for entry in report.rounds} - {""}))
    return [
        replace(measure, title=f"{measure.title}, {judges}") if judges and measure.key == "lm_perplexity" else measure
        for measure in measures
    ]


def _grouped(measures: Sequence[Measure], values: Sequence[Mapping[str, float | None]]) -> list[Group]:
    return [
        Group(
            title,
            tuple(
                Row(
                    f"{measure.title}, %" if measure.unit else measure.title,
                    measure.explained,
                    tuple(measure.text(found.get(measure.key)) for found in values),
                )
                for measure in members
            ),
        )
        for title, members in groupby(measures, key=lambda measure: measure.group)
    ]


def _score_rows(report: Report) -> tuple[Row, ...]:
    rows = []
    for greedy, key in ((False, "wer"), (False, "cer"), (True, "wer"), (True, "cer")):
        found = {row.round: row for row in report.scores if row.greedy == greedy and row.round is not None}
        if found:
            title = f"{key.upper()}, {'greedy' if greedy else 'LM'}, %"
            rows.append(Row(title, "", tuple(_rate(found.get(entry.number), key) for entry in report.rounds)))
    return tuple(rows)


def _rate(row: ErrorRate | None, key: str) -> str:
    return "–" if row is None else f"{100 * getattr(row, key):.1f}"


def table_of_filters(report: Report) -> list[Group]:
    """Return what was labelled, what each filter removed, and what was kept; nothing where no labels are finished."""
    filtered = [entry.filtering for entry in report.rounds]
    if not any(filtered):
        return []
    removed = [{row.name: row.removed for row in found.rows} if found else {} for found in filtered]
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
    for entry in report.rounds:
        for row in entry.filtering.rows if entry.filtering else ():
            counts[row.name] = counts.get(row.name, 0) + row.removed
    return counts


def _name(filter_name: str) -> str:
    return filter_name.replace("_", " ")
