"""``xlpl labels join``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("join")
@click.argument("labels", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--form", default="jsonl", show_default=True, metavar="jsonl|ctm|text", help="Form of the file.")
@click.option("--force", is_flag=True, help="Replace --out.")
def command(labels: Path, data: Path, out: Path, form: str, force: bool) -> None:
    """Put the labels of pieces together by recording, in the order of time.

    LABELS is a folder that `xlpl label` wrote, DATA the prepared folder, whose file `segments` says which utterance is
    which stretch of which recording. An utterance that is no piece is a recording by itself.

    \b
    jsonl  a label a line: recording, start, end, id, text, confidence, kept, and its words with their times
    ctm    a word a line, NIST's form: recording 1 start duration word confidence
    text   a recording a line: its name, a tab, all its words

    \b
    xlpl labels join labels/sw data/sw --out sw.jsonl
    xlpl labels join labels/sw data/sw --out sw.ctm --form ctm
    """
    from xlpl_plugin.files import new_output
    from xlpl_plugin.labelling.join_pieces import join_labels

    summary = join_labels(labels, data, new_output(out, force=force), form)
    missing = f"; {summary.missing} of their pieces have no label" if summary.missing else ""
    click.echo(f"{summary.labels} labels of {summary.recordings} recordings{missing}\nwritten: {out}")
