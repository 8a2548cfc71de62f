"""``xlpl pick``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.declared import flags
from xlpl_plugin.picking.pick_options import PickOptions


@click.command("pick")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@flags(PickOptions, "minutes", "random", "seed", "language")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; with --read the table. [RUN/picked]")
@click.option(
    "--exclude",
    multiple=True,
    metavar="TABLE",
    type=click.Path(path_type=Path),
    help="Leave out what this table has transcripts of; may be given several times.",
)
@click.option(
    "--read",
    "document",
    type=click.Path(path_type=Path),
    metavar="FILE.eaf",
    help="Write corrected.tsv from the picked.eaf that was corrected in ELAN, beside it; no RUN then.",
)
@click.option("--force", is_flag=True, help="Overwrite what was picked before.")
def command(
    run: Path | None, out: Path | None, exclude: tuple[Path, ...], document: Path | None, force: bool, **rest: Any
) -> None:
    """Pick the utterances of a run that are most worth a native speaker's time.

    They are doubtful and diverse by the labels of RUN's best round; only what its students learn from is looked at,
    never the valid or test part. The folder holds

    \b
    index.html   to listen and correct in any browser, without a server or a network
    table.tsv    id, audio, seconds, label, an empty transcript to fill in ('-': nothing is said), confidence
    picked.eaf   for ELAN, over picked.wav
    audio/       a sound file for each utterance
    picked.json  numbers and reasons, for programs

    A transcript that stays empty was not looked at, and is not taken as true.

    \b
    xlpl pick runs/it --minutes 30
    xlpl pick runs/it --minutes 30 --exclude corrected.tsv --out picked-2
    xlpl pick --read runs/it/picked/picked.eaf
    """
    if (run is None) == (document is None):
        raise click.UsageError("give either RUN, or --read FILE.eaf")
    from xlpl_plugin.picking.write import CORRECTED_FILE, table_of_elan

    if document is not None:
        rows = table_of_elan(document, out, force=force)
        click.echo(f"{len(rows)} transcripts in {out or document.with_name(CORRECTED_FILE)}")
    elif run is not None:
        _pick(run, out or run / "picked", PickOptions(**rest), exclude, force)


def _pick(run: Path, out: Path, options: PickOptions, tables: tuple[Path, ...], force: bool) -> None:
    from xlpl_plugin.data.manifest import read_manifest
    from xlpl_plugin.picking.table import read_corrections
    from xlpl_plugin.picking.write import PAGE_FILE, write_picks
    from xlpl_plugin.run.best_labels import find_best_labels

    best = find_best_labels(run)
    exclude = {name for table in tables for name in read_corrections(table)}
    manifest = read_manifest(best.data, best.split, labels=False)
    picks = write_picks(best.file, manifest, out, options, exclude=exclude, force=force)
    corrected = f", {picks.excluded} of them corrected already" if picks.excluded else ""
    click.echo(f"{best.stage}: {picks.utterances} utterances, {picks.seconds / 60:.1f} minutes{corrected}")
    click.echo(f"picked {len(picks.picked)} utterances, {picks.picked_seconds / 60:.1f} minutes: {out / PAGE_FILE}")
    for note in picks.notes:
        click.echo(note)
