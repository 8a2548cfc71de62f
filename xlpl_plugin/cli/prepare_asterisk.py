"""``xlpl prepare asterisk``: real speech with transcripts from Debian's Asterisk packages."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.prepare_options import preparation_options, run_preparation
from xlpl_plugin.data.corpora.asterisk import LANGUAGES, LICENCE, fetch, recordings


@click.command("asterisk")
@click.option("--language", type=click.Choice(LANGUAGES), required=True)
@click.option(
    "--from",
    "origins",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder (of the files, or of .deb files), tarball or .deb file, several times; default: apt-get download.",
)
@preparation_options
def command(language: str, origins: tuple[Path, ...], **options: Any) -> None:
    """Turn Asterisk's prompts (22 to 29 minutes a language, one professional voice) into a prepared folder.

    \b
    Examples:
      xlpl prepare asterisk --language es --out data/es
      xlpl prepare asterisk --language it --out data/it --unlabelled --references data/it_references
      xlpl prepare asterisk --language fr --out data/fr --from asterisk-core-sounds-fr_1.6.1-1_all.deb \\
          --from asterisk-core-sounds-fr-g722_1.6.1-1_all.deb

    Needs no root. No sentence stands in two parts. What is dropped, and why, is printed and kept in prepare.json.
    The voices of es and en are one person: say so where that pair is reported.
    With --unlabelled the transcripts still decide which files hold speech and how the parts divide, nothing else.
    """
    with tempfile.TemporaryDirectory() as work:
        found = recordings(language, fetch(language, origins, Path(work)))
        options["licence"] = options["licence"] or LICENCE
        run_preparation(found.items, language, options, found.skipped, temporary=Path(work))
