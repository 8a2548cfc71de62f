"""``xlpl report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--scores", type=click.Path(path_type=Path), metavar="FILE.json", help="Error rates. [RUN/score.json, if it exists]"
)
def command(run: Path, scores: Path | None) -> None:
    """Show how the run of 'xlpl iterate' in the folder RUN went: RUN/report.html, to be opened in any browser.

    The page needs nothing beside it: mail it, or put it on a server. It holds the verdict and the best round, alarms
    and what to do about them, the table of rounds, curves over rounds, labels that changed and those that are most
    and least sure, the curves of a continuous phase, what filters removed, training curves, the choice of the
    decoder's weights, the time of each step, the configuration and the commands. RUN/report/ gets the pictures as PNG
    files and the numbers as report.json.

    It works at any moment of a run, and disturbs nothing; an earlier report is replaced. Error rates are shown where
    'xlpl score' has written them; a report reads no references.

    \b
    xlpl report runs/it
    xlpl score --run runs/it --references data/it-references --json runs/it/score.json && xlpl report runs/it
    """
    from xlpl_plugin.report.phase_words import told_of_collapse  # these load matplotlib, which --help can do without
    from xlpl_plugin.report.summary import headline, told_of_person
    from xlpl_plugin.report.writing import PAGE_FILE, write_report

    report = write_report(run, scores)
    click.echo("\n".join([headline(report), *told_of_person(report)]))
    if collapse := told_of_collapse(report):
        click.echo(f"continuous: {collapse}")
    for entry in report.stages:
        for alarm in entry.alarms:
            click.echo(f"{entry.stage}: ALARM, {alarm.name}. {alarm.message}\n  to do: {alarm.advice}")
    click.echo(f"report: {run / PAGE_FILE}")
