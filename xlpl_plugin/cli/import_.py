"""``xlpl import``: models of other toolkits."""

from __future__ import annotations

import click

from xlpl_plugin.cli.lazy import LazyGroup

KINDS = {"huggingface": "A wav2vec 2.0 of transformers: fine-tuned for CTC, or an encoder."}


@click.command("import", cls=LazyGroup, verbs=KINDS, prefix="import_", heading="Kinds")
def command() -> None:
    """Turn a model of another toolkit into a checkpoint that every verb takes.

    Example: xlpl import huggingface models/wav2vec2-large-xlsr-53-italian --out it.pt
    """
