"""Seconds to list a corpus of short clips in each form that `xlpl prepare manifest` reads; nothing is decoded.

Of parquet files the audio is written out meanwhile, since it lies inside them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from layouts import LAYOUTS, make_clips
from machine import about

from xlpl_plugin.data.corpora.forms import read_corpus
from xlpl_plugin.files import write_json
from xlpl_plugin.text_table import render


@click.command(help=__doc__)
@click.option("--clips", default=2000, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
def main(clips: int, out: Path | None) -> None:
    machine = about()
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        made = make_clips(root / "clips", clips, seconds=0.3)
        for layout, form in LAYOUTS.items():
            source = layout(root / layout.__name__, made)
            begin = time.perf_counter()
            corpus = read_corpus(source, work=root / "work" / layout.__name__)
            seconds = time.perf_counter() - begin
            works = corpus.form == form and len(corpus.items) == clips
            rows.append({"layout": layout.__name__, "read as": corpus.form, "works": works, "seconds": seconds})
    texts = [{**row, "works": "yes" if row["works"] else "NO", "seconds": f"{row['seconds']:.3f}"} for row in rows]
    click.echo(render([{title: str(cell) for title, cell in row.items()} for row in texts]))
    if out:
        write_json(out, {"machine": machine, "rows": rows})


if __name__ == "__main__":
    main()
