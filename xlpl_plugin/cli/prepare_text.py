"""``xlpl prepare text``."""

from __future__ import annotations

from pathlib import Path

import click

from xlpl_plugin.errors import XlplError


@click.command("text")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--language", required=True, help="Language code; picks the normaliser's rules.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for text.txt and report.json.")
@click.option("--libreoffice", is_flag=True, help="Read LibreOffice's help in this language from its Debian package.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="With --libreoffice: the .deb, or its files.")
@click.option("--exclude-manifest", "exclude", multiple=True, type=click.Path(path_type=Path),
              help="Prepared folder whose transcripts the text must not share; may be repeated.")  # fmt: skip
@click.option("--heldout", type=click.FloatRange(0, 0.5), default=0.0, help="Fraction of sentences for heldout.txt.")
@click.option("--words", type=click.IntRange(min=0), default=0,
              help="Write so many frequent words of the language to words.txt, for lexicon and LM.")  # fmt: skip
@click.option("--rules", type=click.Path(path_type=Path), help="Normaliser rules of your own (YAML).")
@click.option("--force", is_flag=True, help="Overwrite earlier results.")
def command(
    paths: tuple[Path, ...],
    language: str,
    out: Path,
    libreoffice: bool,
    source: Path | None,
    exclude: tuple[Path, ...],
    heldout: float,
    words: int,
    rules: Path | None,
    force: bool,
) -> None:
    """Make language model text: normalised sentences, each once, one a line.

    PATHS are .txt or .html files, folders of them, or .deb packages.

    \b
    Examples:
      xlpl prepare text --language it --libreoffice --words 25000 --heldout 0.02 --out data/it_text
      xlpl prepare text --language sw --out data/sw_text books/ news.html
    """
    from xlpl_plugin.text.corpus import libreoffice_files, prepare_text

    if source is not None and not libreoffice:
        raise XlplError("--from without --libreoffice", remedy="add --libreoffice, or give the path without --from")
    if not paths and not libreoffice:
        raise XlplError("no text given", expected="files, folders, or --libreoffice", remedy="xlpl prepare text --help")
    everything = [*paths, *([libreoffice_files(language, source)] if libreoffice else [])]
    report = prepare_text(
        language, everything, out, exclude=exclude, heldout=heldout, rules=rules, words=words, force=force
    )
    click.echo(
        f"{report.documents} documents: {report.sentences} sentences, {report.words} words, {report.types} types"
    )
    click.echo(f"held out: {report.heldout_sentences} sentences, {report.heldout_words} words")
    click.echo(
        f"left out: {report.empty} empty, {report.duplicates} duplicates, {report.excluded} shared with transcripts"
    )
    dropped = " ".join(f"{character!r}:{count}" for character, count in list(report.dropped_characters.items())[:20])
    click.echo(f"characters dropped (20 commonest, all in report.json): {dropped}")
