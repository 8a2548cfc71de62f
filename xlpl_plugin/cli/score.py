"""``xlpl score``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.evaluation.scoring import ScoreOptions, score
from xlpl_plugin.evaluation.table import render_scores
from xlpl_plugin.evaluation.texts import System, read_references, read_systems
from xlpl_plugin.files import new_output, write_json
from xlpl_plugin.rounds.layout import labelled_rounds


@click.command("score")
@click.argument("labels", nargs=-1, metavar="[NAME=]LABELS...")
@click.option("--references", required=True, type=click.Path(path_type=Path), help="Prepared folder with the truth.")
@click.option("--split", default="test", show_default=True, help="Split of the references.")
@click.option("--run", type=click.Path(path_type=Path), help="Run directory of 'xlpl iterate': a row for each round.")
@click.option("--baseline", metavar="[NAME=]LABELS", help="Compare every row with these. [with --run: zero-shot]")
@click.option("--romanised", is_flag=True, help="Compare the LM's words by their spelling in units as well.")
@click.option("--resamples", default=ScoreOptions.resamples, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", default=ScoreOptions.seed, show_default=True, help="Seed of the bootstrap.")
@click.option("--markdown", is_flag=True, help="Print a markdown table.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write counts, rates and intervals here too."
)
@click.option("--force", is_flag=True, help="Overwrite the JSON file.")
def command(
    labels: tuple[str, ...],
    references: Path,
    split: str,
    run: Path | None,
    baseline: str | None,
    romanised: bool,
    resamples: int,
    seed: int,
    markdown: bool,
    json_file: Path | None,
    force: bool,
) -> None:
    """Compare LABELS with references: WER and CER with 95 % bootstrap intervals over utterances.

    LABELS are folders written by 'xlpl label', or .wrd files with their .tsv beside them. A folder gives two rows:
    the greedy output, and the words of the decoder with lexicon and LM, if there was a lexicon. Greedy output is
    romanised (it is spelt in the acoustic model's units), so it is compared with the romanised references; the
    column 'text' says so. A difference from the baseline is paired: both are drawn on the same resampled utterances.

    \b
    xlpl score runs/it/round-0/labels/test --references data/it
    xlpl score --run runs/it topline=runs/topline/labels/test --references data/it --markdown
    """
    if not labels and run is None:
        raise click.UsageError("nothing to score: give LABELS or --run")
    if json_file is not None:
        new_output(json_file, force=force)
    systems: list[System] = []
    rounds = labelled_rounds(run, split) if run is not None else {}
    for number, folder in rounds.items():
        systems += read_systems(folder, "zero-shot" if number == 0 else f"round {number}", romanised=romanised)
    for item in labels:
        systems += _read(item, romanised)
    if baseline is None and 0 in rounds:
        baseline = f"zero-shot={rounds[0]}"
    scores = score(
        systems,
        read_references(references, split),
        ScoreOptions(resamples, seed),
        baselines=_baselines(baseline) if baseline else (),
    )
    click.echo(render_scores(scores, "markdown" if markdown else "text"))
    if json_file is not None:
        write_json(json_file, scores)


def _read(item: str, romanised: bool = False) -> list[System]:
    name, equals, path = item.partition("=")
    return read_systems(path, name, romanised=romanised) if equals else read_systems(item, item, romanised=romanised)


def _baselines(item: str) -> list[System]:
    """Return the baseline's words with LM in each script, so that greedy rows have one to compare with too."""
    native, romanised = _read(item)[-1], _read(item, romanised=True)[-1]
    return [native] if native == romanised else [native, romanised]
