"""``xlpl export onnx``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("onnx")
@click.argument("checkpoint", metavar="AM", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--lengths", is_flag=True, help="A second input: own samples of each utterance of a padded batch.")
@click.option("--force", is_flag=True, help="Overwrite what is in OUT.")
def command(checkpoint: Path, out: Path, lengths: bool, force: bool) -> None:
    """Write AM, a checkpoint, as OUT/model.onnx and OUT/tokens.txt.

    The graph turns samples (N, T; float32, 16 kHz, full scale = 1) of any length from 25 ms into log-probs (N, T', C)
    of the units that tokens.txt numbers. It is compared with AM in onnxruntime before it is put in its place.

    \b
    Example:
      xlpl export onnx runs/sw/round-4/model.pt models/sw
    """
    from xlpl_plugin.models.onnx.exporting import MODEL_FILE, export_onnx

    model = export_onnx(checkpoint, out, lengths=lengths, force=force)
    compared = f"log-probs in onnxruntime differ by {model.difference:.0e} at most"
    click.echo(f"{out / MODEL_FILE}: {len(model.units)} outputs; {compared}")
