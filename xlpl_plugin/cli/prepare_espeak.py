"""``xlpl prepare espeak``: labelled synthetic speech of a source language."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.preparing import preparation_options, run_preparation
from xlpl_plugin.data.synthetic import phrases, sentences, synthesize


@click.command("espeak")
@click.option("--language", required=True, help="Two-letter code, such as ro; never the target's.")
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Amount of speech.")
@click.option(
    "--text", type=click.Path(path_type=Path), help="Sentences, one a line; default: phrases of frequent words."
)
@preparation_options
def command(language: str, minutes: float, text: Path | None, **options: Any) -> None:
    """Speak text with espeak-ng in many voices and prepare it as labelled SYNTHETIC speech.

    \b
    Example:
      xlpl prepare espeak --language ro --minutes 25 --out data/espeak-ro --test 0 --valid 0

    Mixed into the training of a source AM (task.mix) it adds voices and spellings. A result on such speech says
    nothing about human speech. Needs no installation beside this package.
    """
    seed = options["seed"]
    with tempfile.TemporaryDirectory() as work:
        texts = sentences(text, seed) if text else phrases(language, seed)
        run_preparation(synthesize(texts, language, minutes, Path(work), seed=seed), language, options)
