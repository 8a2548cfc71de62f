"""``xlpl prepare manifest``: the recordings of a corpus of any form."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click

from xlpl_plugin.cli.prepare_options import preparation_options, run_preparation
from xlpl_plugin.data.corpora.forms import describe_forms, read_corpus
from xlpl_plugin.data.corpora.listing import Corpus, Division
from xlpl_plugin.files import system_errors
from xlpl_plugin.text.language import find_language

_HELP = """Turn SOURCE into a prepared folder: 16 kHz mono FLAC, manifests, dict.ltr.txt, prepare.json.

SOURCE is a corpus in one of these forms, of any rate and number of channels; which one is seen from its files:

\b
{forms}

\b
A table has a header line (.tsv plain, .csv quoted where needed), or is one JSON object a line (.jsonl):
  audio                 path, relative to the table's folder (needed)
  id                    default: the audio path without its extension
  text                  transcript, raw; empty or absent: none
  speaker               whoever speaks stands in one part alone
  start, end            seconds, of a stretch of the recording (also: start, duration)
  channel               from 0; default: the mean of all
  split                 the corpus's part: train, dev, valid, test, ...
  rate                  declared rate in Hz; checked against the file
Names of well-known corpora (path, sentence, client_id, ...) are known too; other columns are named and passed over.

Where some recordings have a transcript, those without are dropped; where none has, the folder is unlabelled.
Parts: no sentence stands in two of them; without transcripts, ids are divided. --valid 0 or --test 0 leaves
that part out. With --division corpus they are the corpus's own.

\b
Examples:
  xlpl prepare manifest recordings/ --language sw --out data/sw --test 0
  xlpl prepare manifest clips.tsv --language de --out data/de --speller uroman
  xlpl prepare manifest cv-corpus-22.0/sw --division corpus --language sw --out data/sw
"""
# shown of what was passed over
_KINDS = 10


@click.command("manifest", help=_HELP.format(forms="\n".join(f"  {line}" for line in describe_forms())))
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--language", required=True, help="Two-letter code; picks the normaliser's rules.")
@click.option("--form", default="", metavar="NAME", help="Form of the corpus; default: as recognised.")
@click.option(
    "--division",
    type=click.Choice(get_args(Division)),
    default="own",
    show_default=True,
    help="own: all that is transcribed, divided here; corpus: the corpus's train, dev and test.",
)
@preparation_options
def command(source: Path, language: str, form: str, division: Division, **options: Any) -> None:
    """Read the corpus, say what was found, and prepare it."""
    find_language(language)  # a mistyped one is told before hours of reading
    with _work_folder(options["out"]) as work:
        corpus = read_corpus(source, work=work, form=form, division=division)
        _say(corpus)
        run_preparation(corpus.items, language, options, temporary=work if corpus.unpacked else None)


@contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """Make a folder on the disk that ``out`` will be on: audio out of parquet files can be as large as the corpus."""
    place = next(parent for parent in out.absolute().parents if parent.is_dir())
    with system_errors(place, "a folder that can be written"):
        work = tempfile.TemporaryDirectory(dir=place, prefix=".corpus.")
    with work as name:
        yield Path(name)


def _say(corpus: Corpus) -> None:
    kinds = sorted(corpus.passed_over.items(), key=lambda kind: (-kind[1], kind[0]))
    passed = ", ".join(f"{count} {kind}" for kind, count in kinds[:_KINDS])
    passed += f" and {sum(count for _, count in kinds[_KINDS:])} of other kinds" if kinds[_KINDS:] else ""
    for sentence in (*corpus.notes, f"passed over: {passed}" if passed else ""):
        if sentence:
            click.echo(sentence)
    click.echo(f"{len(corpus.items)} recordings\n")
