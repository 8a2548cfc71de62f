"""``xlpl export huggingface``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("huggingface")
@click.argument("checkpoint", metavar="AM", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite what is in OUT.")
def command(checkpoint: Path, out: Path, force: bool) -> None:
    """Write AM, a checkpoint of wav2vec_ctc, as a folder OUT that transformers opens.

    \b
    Example:
      xlpl export huggingface runs/sw/round-4/model.pt models/sw
      python -c 'from transformers import pipeline as p; print(p("automatic-speech-recognition", "models/sw")("a.wav"))'
    """
    from xlpl_plugin.models.huggingface.exporting import export_huggingface

    units = export_huggingface(checkpoint, out, force=force)
    click.echo(f"{out}: a wav2vec 2.0 for CTC with {len(units)} outputs")
