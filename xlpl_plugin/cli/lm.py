"""``xlpl lm``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.declared import flags
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.lm import LmOptions
from xlpl_plugin.text.spelling.speller import SPELLERS


@click.command("lm")
@click.argument("texts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for lm.arpa, lm.bin and lm.json.")
@flags(LmOptions, "order", "vocab_limit", "binary", "memory")
@click.option(
    "--prune",
    help="Leave out n-grams with at most this count: one value an order, the last also for "
    "higher ones. Default: 0 0 1, as far as the order goes.",
)
@click.option("--heldout", type=click.Path(path_type=Path), help="Normalised text to measure OOV rate and perplexity.")
@click.option("--characters", is_flag=True, help="Model the units of the words' spellings instead of the words.")
@click.option(
    "--speller", type=click.Choice(SPELLERS), default=SPELLERS[0], show_default=True, help="With --characters."
)
@click.option("--language", help="With --characters: language of the words, for phonemes and uroman.")
@click.option("--pieces", type=click.Path(path_type=Path), help="With --characters: pieces.model, for pieces.")
@click.option("--force", is_flag=True, help="Overwrite an earlier model.")
def command(
    texts: tuple[Path, ...],
    out: Path,
    prune: str | None,
    heldout: Path | None,
    characters: bool,
    speller: str,
    language: str | None,
    pieces: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Estimate an n-gram language model from normalised TEXTS (one sentence a line).

    KenLM's lmplz does it; where that is missing, kaldingram does, and the output says so.

    \b
    Examples:
      xlpl lm data/it_text/text.txt --heldout data/it_text/heldout.txt --out data/it_text/lm
      xlpl lm data/it_text/text.txt --characters --order 6 --prune 0 --out data/it_text/letters
    """
    from xlpl_plugin.text.lm import USUAL_PRUNE, build_lm
    from xlpl_plugin.text.spelling.speller import make_speller

    if prune is not None and not all(map(str.isdecimal, prune.split())):
        raise XlplError(f"pruning {prune!r}", expected="counts with spaces between them, such as '0 0 1'")
    counts = USUAL_PRUNE[: options["order"]] if prune is None else tuple(int(value) for value in prune.split())
    units = make_speller(speller, pieces, language) if characters else None
    report = build_lm(texts, out, LmOptions(prune=counts, **options), heldout=heldout, speller=units, force=force)
    click.echo(f"{report.sentences} sentences, {report.words} words, {report.types} types, "
               f"{report.vocabulary} in the model")  # fmt: skip
    click.echo(f"estimated by {report.estimator}, discounts: {report.discounts}")
    if report.estimator != "lmplz":
        click.echo("lmplz is missing: this is unmodified Kneser-Ney; scripts/build_kenlm.sh builds lmplz")
    if report.heldout is not None:
        held = report.heldout
        click.echo(f"held out: {held.words} words, OOV {held.oov_rate:.2%}, perplexity {held.perplexity:.1f} "
                   f"({held.perplexity_with_oov:.1f} with OOV)")  # fmt: skip
    click.echo(f"model: {out / report.model}")
