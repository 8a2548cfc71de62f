"""``xlpl prepare units``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.text.spelling.speller import SPELLERS


@click.command("units")
@click.argument("texts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for pieces.model and dict.ltr.txt.")
@click.option("--size", type=click.IntRange(30), default=200, show_default=True, help="Number of pieces.")
@click.option(
    "--speller", type=click.Choice(SPELLERS), default=SPELLERS[0], show_default=True, help="How words become letters."
)
@click.option("--language", help="Normalise the text as this language; without it, it must be normalised.")
@click.option("--force", is_flag=True, help="Overwrite earlier results.")
def command(texts: tuple[Path, ...], out: Path, size: int, speller: str, language: str | None, force: bool) -> None:
    """Train sentencepiece pieces on the spellings of normalised TEXTS, to be output units in place of letters.

    Give text of every language that the acoustic model is to read or write. Then pass --pieces to the verbs that spell.

    \b
    Example:
      xlpl prepare units data/en/train.wrd data/it_text/text.txt --size 200 --out data/units
    """
    from xlpl_plugin.data.units import LETTERS, WORD_BOUNDARY, write_units
    from xlpl_plugin.files import new_output
    from xlpl_plugin.text.normalizer import normalized_lines
    from xlpl_plugin.text.spelling.pieces import train_pieces
    from xlpl_plugin.text.spelling.speller import make_romanizer

    new_output(out, force=force)
    letters = "" if speller == "identity" else "".join(LETTERS).replace(WORD_BOUNDARY, "")
    lines = normalized_lines(texts, language)
    pieces = train_pieces(lines, make_romanizer(speller, language), out, size=size, letters=letters)
    write_units(out, pieces)
    click.echo(f"{len(pieces)} pieces, such as {' '.join(pieces[:15])}")
