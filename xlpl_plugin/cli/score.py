"""``xlpl score``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.hints import hints
from xlpl_plugin.evaluation.nbest import nbest_oracle
from xlpl_plugin.evaluation.score_tables import render_reliability, render_scores
from xlpl_plugin.evaluation.scoring import FIRST, Score, ScoreOptions, ScoreTable, name_of, score
from xlpl_plugin.evaluation.texts import References, System, read_references, read_systems
from xlpl_plugin.files import new_output
from xlpl_plugin.run.layout import labelled_stages
from xlpl_plugin.text_table import Form


@click.command("score")
@click.argument("labels", nargs=-1, metavar="[NAME=]LABELS...")
@click.option("--references", required=True, type=click.Path(path_type=Path), help="Prepared folder with the truth.")
@click.option("--split", default="test", show_default=True, help="Split of the references.")
@click.option("--run", type=click.Path(path_type=Path), help="Run of 'xlpl iterate': rows for each round.")
@click.option("--baseline", metavar="[NAME=]LABELS", help="Compare every row with these. [with --run: zero-shot]")
@click.option("--romanised", is_flag=True, help="Compare the LM's words by their spelling in units instead.")
@click.option("--nbest", is_flag=True, help="A row more where labels hold alternatives: the best of the n (an oracle).")
@click.option(
    "--reliability",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Judge the confidences of words and utterances, and draw how far they can be believed.",
)
@click.option("--resamples", default=ScoreOptions.resamples, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", default=ScoreOptions.seed, show_default=True, help="Seed of the bootstrap.")
@click.option("--markdown", is_flag=True, help="Print a markdown table.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write counts, rates and intervals here too."
)
@click.option("--force", is_flag=True, help="Overwrite the JSON file and the picture.")
def command(
    labels: tuple[str, ...],
    references: Path,
    split: str,
    run: Path | None,
    baseline: str | None,
    romanised: bool,
    nbest: bool,
    reliability: Path | None,
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

    --reliability judges confidences: AUC (does it rank right above wrong words? 0.5 is chance), and the expected
    calibration error (ECE), as they are and after a calibration fitted on other utterances of these references. Labels
    never see that calibration. --nbest needs labels made with decoder.nbest above 1.

    \b
    xlpl score runs/it/round-0/labels/test --references data/it
    xlpl score --run runs/it topline=runs/topline/labels/test --references data/it --markdown
    xlpl score runs/it/round-4/labels/test --references data/it --reliability reliability.png
    """
    if not labels and run is None:
        raise click.UsageError("nothing to score: give LABELS or --run")
    for file in filter(None, (json_file, reliability)):
        new_output(file, force=force)
    systems: list[System] = []
    stages = labelled_stages(run, split) if run is not None else {}
    for stage, folder in stages.items():
        systems += read_systems(folder, name_of(stage), romanised=romanised)
    for item in labels:
        systems += _read(item, romanised)
    if baseline is None and FIRST in stages:
        baseline = f"{name_of(FIRST)}={stages[FIRST]}"
    truth = read_references(references, split)
    if nbest:
        systems = _with_oracles(systems, truth)
    scores = score(systems, truth, ScoreOptions(resamples, seed), baselines=_baselines(baseline) if baseline else ())
    form: Form = "markdown" if markdown else "text"
    click.echo(render_scores(scores, form))
    for hint in hints(systems, truth):
        click.echo(f"\n{hint}")
    if reliability is not None:
        scores = _judge(scores, systems, truth, reliability)
        click.echo("\n" + render_reliability(scores, form))
    if json_file is not None:
        ScoreTable(tuple(scores)).write(json_file)


def _with_oracles(systems: Sequence[System], references: References) -> list[System]:
    """Return the systems, each that has alternatives followed by its oracle."""
    found = [[system, nbest_oracle(system, references)] if system.alternatives else [system] for system in systems]
    if all(len(rows) == 1 for rows in found):
        raise XlplError(
            "--nbest, but no labels hold alternatives",
            expected="labels of short recordings, in the native script, with several hypotheses for some utterance",
            remedy="label with decoder.nbest=10, and leave out --romanised",
        )
    return [system for rows in found for system in rows]


def _judge(scores: Sequence[Score], systems: Sequence[System], references: References, picture: Path) -> list[Score]:
    """Return the scores with the reliability of those systems that have confidences, and draw it."""
    from xlpl_plugin.evaluation.calibration import measure_reliability  # loads scikit-learn, which takes a second
    from xlpl_plugin.evaluation.plots import draw_reliability

    judged = [
        replace(row, reliability=measure_reliability(system, references) if system.confidences else None)
        for row, system in zip(scores, systems, strict=True)
    ]
    draw_reliability(picture, [row.reliability for row in judged if row.reliability])
    return judged


def _read(item: str, romanised: bool = False) -> list[System]:
    name, equals, path = item.partition("=")
    return read_systems(path, name, romanised=romanised) if equals else read_systems(item, item, romanised=romanised)


def _baselines(item: str) -> list[System]:
    """Return the baseline's words with LM in each script, so that greedy rows have one to compare with too."""
    native, romanised = _read(item)[-1], _read(item, romanised=True)[-1]
    return [native] if native == romanised else [native, romanised]
