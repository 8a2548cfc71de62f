"""``xlpl lexicon``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.text.spelling.speller import SPELLERS


@click.command("lexicon")
@click.argument("texts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Lexicon file to write.")
@click.option("--language", help="Normalise the text as this language; without it, it must be normalised.")
@click.option(
    "--speller",
    type=click.Choice(SPELLERS),
    default=SPELLERS[0],
    show_default=True,
    help="How words become units; phonemes needs --language.",
)
@click.option("--pieces", type=click.Path(path_type=Path), help="pieces.model of xlpl prepare units, for pieces.")
@click.option("--min-count", type=click.IntRange(1), default=1, show_default=True, help="Leave out rarer words.")
@click.option("--max-words", type=click.IntRange(1), help="Keep this many words, the commonest.")
@click.option("--force", is_flag=True, help="Overwrite an earlier lexicon.")
def command(
    texts: tuple[Path, ...],
    out: Path,
    language: str | None,
    speller: str,
    pieces: Path | None,
    min_count: int,
    max_words: int | None,
    force: bool,
) -> None:
    """Write the words of normalised TEXTS with their spellings, one spelling a line.

    \b
    Example:
      xlpl lexicon data/it_text/text.txt --out data/it_text/lexicon.txt
      xlpl lexicon data/it_text/text.txt --speller phonemes --language it --out data/it_text/phonemes.txt
    """
    from xlpl_plugin.files import new_output
    from xlpl_plugin.text.normalizer import normalized_lines
    from xlpl_plugin.text.spelling.lexicon import build_lexicon, count_words, write_lexicon
    from xlpl_plugin.text.spelling.speller import make_speller

    new_output(out, force=force)
    counts = count_words(normalized_lines(texts, language))
    spelling = make_speller(speller, pieces, language)
    lexicon = build_lexicon(counts, spelling, min_count=min_count, max_words=max_words)
    write_lexicon(out, lexicon)
    covered = sum(counts[word] for word in lexicon.spellings) / counts.total()
    click.echo(f"{len(lexicon)} words, {covered:.2%} of the text; {len(lexicon.homographs())} spellings are shared")
    for words, why in ((lexicon.unspelled, "without a spelling"), (lexicon.crowded_out, "as rarer homographs")):
        if words:
            click.echo(f"left out {len(words)} words {why}: {' '.join(words[:20])}{' ...' if len(words) > 20 else ''}")
