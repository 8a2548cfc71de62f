"""``xlpl prepare espeak``: labelled synthetic speech of a source language."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.prepare_options import preparation_options, run_preparation
from xlpl_plugin.data.corpora.synthetic import VARIANTS, Cast, phrases, sentences, synthesize
from xlpl_plugin.data.split import draw_part
from xlpl_plugin.text.normalizer import Normalizer


@click.command("espeak")
@click.option("--language", required=True, help="Two-letter code, such as ro; never the target's.")
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Amount of speech.")
@click.option(
    "--text", type=click.Path(path_type=Path), help="Sentences, one a line; default: phrases of frequent words."
)
@click.option("--voices", default=" ".join(VARIANTS), show_default=True, help="espeak-ng's voice variants.")
@click.option("--test-voices", default="", help="Variants that speak the test part and nothing else.")
@click.option(
    "--noise", type=(float, float), metavar="LOW HIGH", help="Signal-to-noise ratio in dB, drawn between the two."
)
@preparation_options
def command(
    language: str,
    minutes: float,
    text: Path | None,
    voices: str,
    test_voices: str,
    noise: tuple[float, float] | None,
    **options: Any,
) -> None:
    """Speak text with espeak-ng in many voices and prepare it as labelled SYNTHETIC speech.

    \b
    Example:
      xlpl prepare espeak --language ro --minutes 25 --out data/espeak-ro --test 0 --valid 0
      xlpl prepare espeak --language sw --text phrases.txt --minutes 10 --noise 10 30 --out data/sw \\
          --voices "m1 m2 f1 f2" --test-voices "m8 f5" --unlabelled --references data/sw-references

    Mixed into the training of a source AM (task.mix) it adds voices and spellings. A result on such speech says
    nothing about human speech. Needs no installation beside this package.
    """
    seed = options["seed"]
    cast = Cast(tuple(voices.split()), tuple(test_voices.split()), noise)
    normalizer = Normalizer(language)

    def part_of(line: str) -> str:
        shares = {"valid": options["valid"], "test": options["test"]}
        return draw_part(normalizer.normalize(line), **shares, seed=seed) if cast.test_voices else ""

    with tempfile.TemporaryDirectory() as work:
        texts = sentences(text, seed) if text else phrases(language, seed)
        items = synthesize(texts, language, minutes, Path(work), seed=seed, cast=cast, part_of=part_of)
        run_preparation(items, language, options, temporary=Path(work))
