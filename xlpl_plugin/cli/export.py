"""``xlpl export``: models for other toolkits."""

from __future__ import annotations

import click

from xlpl_plugin.cli.lazy import LazyGroup

KINDS = {
    "huggingface": "A folder that transformers opens, of a wav2vec_ctc model.",
    "onnx": "A graph for onnxruntime: phones, browsers, programs without torch.",
}


@click.command("export", cls=LazyGroup, verbs=KINDS, prefix="export_", heading="Kinds")
def command() -> None:
    """Turn an acoustic model into what another toolkit reads.

    Example: xlpl export huggingface runs/sw/round-4/model.pt models/sw
    """
