"""``xlpl prepare text``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.declared import flags
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.corpus.text_report import TextReport
from xlpl_plugin.text_table import counted, render

# on the screen; all of them are in report.json
_SHOWN = 20


@click.command("text")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--language", required=True, help="Language code; picks the normaliser's rules.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for text.txt and report.json.")
@click.option("--libreoffice", is_flag=True, help="Read LibreOffice's help in this language from its Debian package.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="With --libreoffice: the .deb, or its files.")
@click.option("--exclude-manifest", "exclude", multiple=True, type=click.Path(path_type=Path),
              help="Prepared folder whose transcripts the text must not share; may be repeated.")  # fmt: skip
@flags(TextOptions, *(item.name for item in fields(TextOptions)))
@click.option("--rules", type=click.Path(path_type=Path), help="Normaliser rules of your own (YAML).")
@click.option("--force", is_flag=True, help="Overwrite earlier results.")
def command(
    paths: tuple[Path, ...],
    language: str,
    out: Path,
    libreoffice: bool,
    source: Path | None,
    exclude: tuple[Path, ...],
    rules: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """Make language model text: normalised sentences, each once, one a line.

    PATHS are documents, archives or folders of them, or .deb packages. Documents: txt, md, html, srt, vtt, ass,
    jsonl, tsv, csv, pdf, docx, odt, epub, and dumps of a MediaWiki (xml). Each may be compressed (.gz .bz2 .xz .zst),
    archives are .zip and .tar. What is of another form is passed over and counted.

    \b
    Examples:
      xlpl prepare text --language it --libreoffice --words 25000 --heldout 0.02 --out data/it_text
      xlpl prepare text --language sw --out data/sw_text books/ news.html
      xlpl prepare text --language sw --out data/sw_wiki swwiki-latest-pages-articles.xml.bz2
    """
    from xlpl_plugin.text.corpus.libreoffice import libreoffice_files

    if source is not None and not libreoffice:
        raise XlplError("--from without --libreoffice", remedy="add --libreoffice, or give the path without --from")
    if not paths and not libreoffice:
        raise XlplError("no text given", expected="files, folders, or --libreoffice", remedy="xlpl prepare text --help")
    everything = [*paths, *([libreoffice_files(language, source)] if libreoffice else [])]
    report = prepare_text(language, everything, out, TextOptions(**options), exclude=exclude, rules=rules, force=force)
    click.echo(render_report(report))


def render_report(report: TextReport) -> str:
    """Return what was found, left out and passed over, as text."""
    documents = ", ".join(f"{count} {form}" for form, count in report.forms.items())
    parts = [
        {"": name, "sentences": str(sentences), "words": str(words)}
        for name, sentences, words in (
            ("text", report.sentences, report.words),
            ("held out", report.heldout_sentences, report.heldout_words),
        )
    ]
    said = (
        f"{counted(report.documents, 'document')} ({documents}): {counted(report.types, 'word type')}",
        render(parts),
        _table("left out because", "sentences", report.left_out),
        _table("passed over", "files", report.passed_over),
        "\n".join(f"not read: {reason}" for reason in list(report.unreadable.values())[:_SHOWN]),
        f"documents not read: {len(report.unreadable)}" if report.unreadable else "",
        str(report.other_languages),
        _characters(report),
    )
    return "\n\n".join(filter(None, said))


def _table(title: str, of: str, counts: Mapping[str, int]) -> str:
    return render([{title: name, of: str(count)} for name, count in counts.items()]) if counts else ""


def _characters(report: TextReport) -> str:
    shown = " ".join(f"{name!r}:{count}" for name, count in list(report.dropped_characters.items())[:_SHOWN])
    return f"characters dropped ({_SHOWN} commonest, all in report.json): {shown}" if shown else ""
