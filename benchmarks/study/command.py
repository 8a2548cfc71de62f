"""Make the evidence: run cells in their order, keep each when it is done, then make tables and pictures."""

from __future__ import annotations

import fnmatch
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from study.cells import Cell, Question, read_questions
from study.expected import cases_of, fit, told, trials
from study.measure import measure_cell
from study.pages import put_between, render_pages
from study.plan import CellPlan, plan_cell
from study.records import RecordFolder
from study.round_choice import compare, histories
from study.steps import ROOT, WorkFolder
from xlpl_plugin.errors import XlplError
from xlpl_plugin.monitoring.expected_error import SHIPPED
from xlpl_plugin.text_table import render

PATH = click.Path(path_type=Path)
RESULTS = ROOT / "docs" / "results"


@click.command(help=f"{__doc__} The same command goes on where it was stopped.")
@click.option(
    "--list", "listed", is_flag=True, help="Say which cells there are, which are done, and what the rest needs."
)
@click.option("--dry-run", is_flag=True, help="Print the commands that would be run.")
@click.option("--render", "only_pages", is_flag=True, help="Make tables and pictures from the records; run nothing.")
@click.option("--only", multiple=True, metavar="PATTERN", help="Cells or questions of this name, such as 'five*'.")
@click.option("--hours", type=float, help="Begin no cell that is not expected to end within so many hours.")
@click.option("--work", type=PATH, default=Path("runs/study"), show_default=True, envvar="WORK",
              help="Data, models, runs: may be lost.")  # fmt: skip
@click.option("--cells", type=PATH, default=Path(__file__).parent / "cells", help="The files that declare cells.")
@click.option("--results", type=PATH, default=RESULTS, help="Pages, and cells/CELL.json, which last.")
def main(
    listed: bool,
    dry_run: bool,
    only_pages: bool,
    only: tuple[str, ...],
    hours: float | None,
    work: Path,
    cells: Path,
    results: Path,
) -> None:
    try:
        questions = read_questions(cells)
        study = Study(WorkFolder(work), RecordFolder(results / "cells"))
        wanted = _wanted(questions, only)
        if listed:
            click.echo(study.table(wanted))
        elif dry_run:
            study.show(wanted)
        else:
            failed = [] if only_pages else study.run(wanted, hours)
            for page in study.draw(questions, results):
                click.echo(page)
            sys.exit(bool(failed))
    except XlplError as error:
        sys.exit(str(error))


def _wanted(questions: Sequence[Question], only: Sequence[str]) -> list[Cell]:
    """Return the cells whose name, or whose question's, fits one of the patterns; all without any.

    Raises:
        XlplError: a pattern that fits none.
    """
    cells = [cell for question in questions for cell in question.cells]
    for pattern in only:
        if not any(_fits(cell, pattern) for cell in cells):
            names = ", ".join(question.name for question in questions)
            raise XlplError(f"no cell is called {pattern!r}", expected=f"a cell (--list) or a question: {names}")
    return [cell for cell in cells if not only or any(_fits(cell, pattern) for pattern in only)]


def _fits(cell: Cell, pattern: str) -> bool:
    return fnmatch.fnmatchcase(cell.name, pattern) or cell.question == pattern


class Study:
    """Cells that are run in a work folder and whose records last."""

    def __init__(self, work: WorkFolder, records: RecordFolder) -> None:
        self.work, self.records = work, records

    def table(self, cells: Sequence[Cell]) -> str:
        """Return the cells with the hours that each adds: a step that several share is counted once."""
        counted: set[str] = set()
        return render([self._listed(cell, counted) for cell in cells])

    def _listed(self, cell: Cell, counted: set[str]) -> dict[str, str]:
        state, hours = self.records.state(cell), ""
        if state != "done":
            try:
                hours = f"{plan_cell(cell.settings).hours(cell, self.work, counted):.1f}"
            except XlplError as error:
                state = f"{state}: {error.problem}"
        return {"cell": cell.name, "question": cell.question, "hours": hours, "state": state}

    def show(self, cells: Sequence[Cell]) -> None:
        """Print the steps of the cells that are not done, each step once, with their commands."""
        shown: set[str] = set()
        for cell in cells:
            click.echo(f"\n== {cell.name}: {self.records.state(cell)}")
            if self.records.read(cell) is None:
                self._show_steps(cell, shown)

    def _show_steps(self, cell: Cell, shown: set[str]) -> None:
        for step in plan_cell(cell.settings).steps():
            done = "done" if self.work.is_done(step) else "shown above" if step.key in shown else ""
            click.echo(f"# {step.title} {done}".rstrip())
            if not done:
                click.echo("\n".join(shlex.join(words) for words in self.work.commands(step)))
            shown.add(step.key)

    def run(self, cells: Sequence[Cell], hours: float | None) -> list[str]:
        """Run the cells that are not done; return the names of those that failed, after all others."""
        started, failed = time.monotonic(), []
        for cell in cells:
            if self.records.read(cell):
                continue
            try:
                plan = plan_cell(cell.settings)
                expected = plan.hours(cell, self.work)
                spent = (time.monotonic() - started) / 3600
                if hours is not None and spent + expected > hours:
                    click.echo(f"{cell.name}: not begun: {expected:.1f} hours expected, {hours - spent:.1f} left")
                    continue
                self._run(cell, plan)
            except XlplError as error:
                click.echo(f"{cell.name}: {error}", err=True)
                failed.append(cell.name)
        return failed

    def _run(self, cell: Cell, plan: CellPlan) -> None:
        for step in plan.steps():
            if not self.work.is_done(step):
                click.echo(f"[{time.strftime('%H:%M:%S')}] {cell.name}: {step.title}", err=True)
                self.work.do(step)
        measure_cell(cell, plan, self.work).write(self.records.file(cell))

    def draw(self, questions: Sequence[Question], results: Path) -> list[Path]:
        """Make the tables and pictures of all pages, RESULTS.md among them, and the model of error rates."""
        records = self.records.read_all(cell for question in questions for cell in question.cells)
        pages = [*([ROOT / "RESULTS.md"] if results == RESULTS else []), *sorted(results.glob("*.md"))]
        cases = cases_of(list(records.values()))
        found = trials(cases)
        if results == RESULTS and found:
            fit(cases, found[0].signals).write(SHIPPED)
        told_of, rounds = told(cases, found), compare(histories(records.values()))
        return [
            *render_pages(questions, records, pages, results),
            *put_between("expected-error", lambda _: told_of, pages),
            *put_between("best-round", lambda _: rounds, pages),
        ]
