"""An exported model beside its checkpoint: size, difference of log-probs on recordings, speed on one thread.

    python benchmarks/exported.py runs/quickstart/swahili/source/model.pt runs/quickstart/sw --split test

Both compute each utterance by itself, in turns, so that they meet the same machine.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
import numpy as np
import onnxruntime
import torch
from machine import about

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.emissions.forward import read_utterance
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.onnx.exporting import MODEL_FILE, export_onnx


@click.command()
@click.argument("am", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--split", default="test", show_default=True)
@click.option("--repeats", default=5, show_default=True, help="The fastest time of each utterance counts.")
def main(am: Path, data: Path, split: str, repeats: int) -> None:
    """Export AM, and run both on DATA."""
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    ours = load_acoustic_model(am, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(am, folder, force=True)
        size = (Path(folder) / MODEL_FILE).stat().st_size
        session = onnxruntime.InferenceSession(Path(folder) / MODEL_FILE, options)
    manifest = read_manifest(data, split)
    seconds, spent, largest, others = 0.0, np.zeros(2), 0.0, 0
    for utterance in manifest.utterances:
        wave = read_utterance(manifest.root, utterance)
        times = np.full((repeats, 2), np.inf)
        for turn in range(repeats):
            start = time.perf_counter()
            checkpoint = ours.emit([wave])[0]
            middle = time.perf_counter()
            graph = session.run(None, {"samples": wave[None]})[0][0]
            times[turn] = middle - start, time.perf_counter() - middle
        spent += times.min(axis=0)
        seconds += len(wave) / SAMPLE_RATE
        largest = max(largest, float(np.abs(checkpoint - graph).max()))
        others += int((checkpoint.argmax(axis=1) != graph.argmax(axis=1)).sum())
    click.echo(about())
    click.echo(f"checkpoint {am.stat().st_size / 1e6:.2f} MB, model.onnx {size / 1e6:.2f} MB")
    click.echo(f"{len(manifest.utterances)} utterances, {seconds:.0f} s: largest difference {largest:.1e}")
    click.echo(f"frames with another best unit: {others}")
    click.echo(f"real-time factor: torch {spent[0] / seconds:.4f}, onnxruntime {spent[1] / seconds:.4f}")


if __name__ == "__main__":
    main()
