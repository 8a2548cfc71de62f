"""``xlpl prepare manifest``: any folder or table of audio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.prepare_options import preparation_options, run_preparation
from xlpl_plugin.data.corpora.tables import read_items


@click.command("manifest")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--language", required=True, help="Two-letter code; picks the normaliser's rules.")
@preparation_options
def command(source: Path, language: str, **options: Any) -> None:
    """Turn SOURCE into a prepared folder: 16 kHz mono FLAC, manifests, dict.ltr.txt, prepare.json.

    SOURCE is a folder (every wav, flac, ogg, mp3, raw g722 ... below it; a transcript is a .txt of the same name
    beside the audio) or a table. Any rate, any number of channels.

    \b
    A .tsv has a header line, a .jsonl one object a line, with these columns:
      audio  path, relative to the table's folder (needed)
      id     default: the audio path without its extension
      text   transcript, raw; empty or absent: none
      rate   declared rate in Hz; checked against the file

    Where some recordings have a transcript, those without are dropped; where none has, the folder is unlabelled.
    Parts: no sentence stands in two of them; without transcripts, ids are divided. --valid 0 or --test 0 leaves
    that part out.

    \b
    Examples:
      xlpl prepare manifest recordings/ --language sw --out data/sw --test 0
      xlpl prepare manifest clips.tsv --language de --out data/de --speller uroman
    """
    run_preparation(read_items(source), language, options)
