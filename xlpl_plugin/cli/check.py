"""``xlpl check``: verify a prepared folder."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import click

from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.checking.check_text import FRAME_SECONDS
from xlpl_plugin.text_table import render


@click.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Read only the headers of the recordings, do not decode them.")
@click.option(
    "--text", type=click.Path(path_type=Path), help="Normalised text: how many of the transcripts' words it lacks."
)
@click.option("--lexicon", type=click.Path(path_type=Path), help="Lexicon: which of its units no transcript has.")
@click.option(
    "--frame-seconds", default=FRAME_SECONDS, show_default=True, help="Of the acoustic model that is to learn."
)
@click.option("--workers", default=0, help="Parallel processes; default: one for each core.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    folder: Path,
    quick: bool,
    text: Path | None,
    lexicon: Path | None,
    frame_seconds: float,
    workers: int,
    as_json: bool,
) -> None:
    """Verify a prepared FOLDER; exit with status 1 if anything is wrong.

    Looked at: that files exist, decode, are 16 kHz mono and as long as the .tsv says; that .tsv, .wrd, .ltr and
    .weight have the same lines; symbols outside dict.ltr.txt; duplicate ids; ids, sentences and speakers in two parts;
    labels that are longer than their audio has frames. Remarks, which need not be wrong: words a second, letters of
    another script, what a text or a lexicon lacks, one voice alone in train, and sentences and speakers in two parts
    where the corpus divides so, or where speakers were too few to keep them apart.

    \b
    Examples:
      xlpl check data/it
      xlpl check data/es --lexicon data/it-text/lexicon.txt
    """
    report = check_folder(
        folder, decode=not quick, workers=workers, frame_seconds=frame_seconds, text=text, lexicon=lexicon
    )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False))
    else:
        rows = [
            {"part": name, "utterances": str(count), "minutes": f"{seconds / 60:.1f}"}
            | ({"speakers": str(report.speakers[name])} if report.speakers else {})
            for name, (count, seconds) in report.splits.items()
        ]
        click.echo(render(rows) + "\n")
        for finding in report.findings:
            place = f"{finding.file}:{finding.line}" if finding.line else finding.file
            click.echo(f"{place}: {finding.kind}: {finding.problem}")
        for remark in report.remarks:
            click.echo(f"remark: {remark.kind}: {remark.text}")
        click.echo(f"{len(report.findings)} findings")
    sys.exit(1 if report.findings else 0)
