"""``xlpl prepare``: one module a kind of material, imported only when it is used."""

from __future__ import annotations

import click

from xlpl_plugin.cli.lazy import LazyGroup

KINDS = {
    "asterisk": "Real speech with transcripts: Debian's Asterisk prompts (en, es, fr, it, ru).",
    "manifest": "Any folder or table of audio, with or without transcripts.",
    "espeak": "Speech made by espeak-ng from text.",
    "text": "Text for a language model: plain text, HTML, or LibreOffice's help.",
    "units": "Train sentencepiece pieces as output units.",
}


@click.command("prepare", cls=LazyGroup, verbs=KINDS, prefix="prepare_", heading="Kinds")
def command() -> None:
    """Turn recordings and text into the files that training, labelling and language models read.

    Example: xlpl prepare text --language it --libreoffice --out data/it_text
    """
