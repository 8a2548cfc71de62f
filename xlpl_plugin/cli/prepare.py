"""``xlpl prepare``: one module a kind of material, imported only when it is used."""

from __future__ import annotations

import importlib

import click

KINDS = {
    "asterisk": "Real speech with transcripts: Debian's Asterisk prompts (en, es, fr, it, ru).",
    "manifest": "Any folder or table of audio, with or without transcripts.",
    "espeak": "Speech made by espeak-ng from text.",
    "text": "Text for a language model: plain text, HTML, or LibreOffice's help.",
    "units": "Train sentencepiece pieces as output units.",
}


class PrepareGroup(click.Group):
    """Imports ``prepare_<kind>`` at its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in KINDS:
            return None
        module = importlib.import_module(f"xlpl_plugin.cli.prepare_{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Kinds"):
            formatter.write_dl(list(KINDS.items()))


@click.command("prepare", cls=PrepareGroup)
def command() -> None:
    """Turn recordings and text into the files that training, labelling and language models read.

    Example: xlpl prepare text --language it --libreoffice --out data/it_text
    """
