"""From a report to one HTML file that needs nothing else: no script, no network, no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from rapidfuzz.distance import Levenshtein

from xlpl_plugin.report.contents import Change, Report, StageReport
from xlpl_plugin.report.figures.drawing import THEME, Picture
from xlpl_plugin.report.phase_words import facts_of_phase, told_of_collapse, told_of_phase
from xlpl_plugin.report.summary import duration, facts, headline, sentence, told_of_person
from xlpl_plugin.report.tables import idle_filters, table_of_filters, table_of_stages, votes
from xlpl_plugin.stage import Stage

Pictures = Mapping[str, Sequence[Picture]]


@dataclass(frozen=True)
class Piece:
    """Some words of a label that changed; ``stayed`` is false for those that only one of the two labels has."""

    words: str
    stayed: bool


def render_page(report: Report, pictures: Pictures) -> str:
    """Return the page.

    Args:
        pictures: by the section that they stand in: scores, curves, continuous, trainings, tunings, costs.
    """
    environment = Environment(
        loader=PackageLoader("xlpl_plugin.report", "."),
        autoescape=True,  # labels, names and logs come from elsewhere
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration, percent=lambda share: f"{100 * share:.1f}", sentence=sentence)
    labelled = [entry for entry in reversed(report.stages) if entry.examples.surest]
    groups, filters = table_of_stages(report), table_of_filters(report)
    commands = [training for training in report.trainings if training.command]
    sections = {
        "rounds": ("Rounds", groups),
        "scores": ("References", report.scores),
        "curves": ("Curves", pictures["curves"]),
        "continuous": ("Continuous phase", report.continuous),
        "labels": ("Labels", labelled),
        "filters": ("Filters", filters),
        "training": ("Training", pictures["trainings"]),
        "decoder": ("Decoder", pictures["tunings"]),
        "time": ("Time", report.steps),
        "configuration": ("Configuration", report.config or commands),
    }
    return environment.get_template("page.html.j2").render(
        report=report,
        pictures=pictures,
        sections={anchor: title for anchor, (title, content) in sections.items() if content},
        headline=headline(report),
        facts=facts(report),
        told_of_person=told_of_person(report),
        phase={"sentences": told_of_phase(report), "facts": facts_of_phase(report)},
        collapse=told_of_collapse(report),
        alarms=[(str(entry.stage), alarm) for entry in report.stages for alarm in entry.alarms],
        groups=groups,
        labelled=labelled,
        opened=_opened(report, labelled),
        filters=filters,
        idle_filters=idle_filters(report),
        votes=votes(report),
        commands=commands,
        difference=difference,
        total=sum(step.progress.seconds for step in report.steps),
        theme=THEME,
    )


def _opened(report: Report, labelled: Sequence[StageReport]) -> Stage | None:
    """Return the stage whose labels are seen at once: the best one, or the newest."""
    stages = [entry.stage for entry in labelled]
    return report.status.best if report.status.best in stages else next(iter(stages), None)


def difference(change: Change) -> tuple[list[Piece], list[Piece]]:
    """Return the label before and after, cut where they begin or cease to be alike."""
    before, after = change.before.split(), change.after.split()
    old, new = [], []
    for step in Levenshtein.opcodes(before, after):
        stayed = step.tag == "equal"
        old.append(Piece(" ".join(before[step.src_start : step.src_end]), stayed))
        new.append(Piece(" ".join(after[step.dest_start : step.dest_end]), stayed))
    return [piece for piece in old if piece.words], [piece for piece in new if piece.words]
