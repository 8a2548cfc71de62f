"""Memory that fine-tuning an encoder of a published size takes, computed without any of it.

fairseq's own model is built and run on torch's fake tensors, which have shapes and no data; what autograd keeps for the
backward pass is added up. Not in it: fragmentation, the libraries' own memory (about 1 GB on a GPU), and padding, since
a batch is filled by utterances of one length. Layers are never left out, attention is fused, masks are off.

    python benchmarks/ssl_memory.py --seconds 10 --batch 8
    python benchmarks/ssl_memory.py --size base --seconds 10 --batch 1 --measure   # and one real update, on this CPU
"""

from __future__ import annotations

import contextlib
import io
import resource
from pathlib import Path
from typing import Any

import click
import torch
from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig, Wav2VecEncoder
from machine import about
from omegaconf import OmegaConf
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

import xlpl_plugin.registry  # noqa: F401  (masks and tasks of fairseq)
from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.files import write_json
from xlpl_plugin.models.huggingface.architecture import Wav2Vec2Settings, encoder_config, shape_of_settings
from xlpl_plugin.text_table import render

_LARGE = {
    **{"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    **{"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
}
_BILLION = {**_LARGE, "hidden_size": 1280, "num_hidden_layers": 48, "intermediate_size": 5120}
# the config.json of wav2vec2-base, of wav2vec2-xls-r-300m (as XLSR-53 and mms-300m), of wav2vec2-xls-r-1b (as mms-1b)
SIZES: dict[str, dict[str, Any]] = {"base": {}, "300 M": _LARGE, "1 B": _BILLION}
# bytes a weight: itself and its gradient, Adam's two averages; in 16 bits fairseq keeps both once more in 32
_STATES = {"fp32": 4 + 4 + 8, "bf16": 2 + 2 + 4 + 4 + 8}
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# copies of the largest output of a convolution that there are at a time (output, its norm, its activation)
_COPIES = 3
UNITS = 32


@click.command(help=__doc__)
@click.option("--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), help="By default all.")
@click.option("--seconds", default=10.0, show_default=True, help="Length of an utterance.")
@click.option("--batch", default=8, show_default=True, help="Utterances in a batch.")
@click.option("--measure", is_flag=True, help="Make a real update in fp32 on the CPU, and show the peak beside.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
def main(sizes: tuple[str, ...], seconds: float, batch: int, measure: bool, out: Path | None) -> None:
    rows = [
        row(size, precision, again, seconds, batch)
        for size in sizes or SIZES
        for precision in _STATES
        for again in (False, True)
    ]
    click.echo(render([{title: str(value) for title, value in entry.items()} for entry in rows]))
    measured = {size: peak_of_an_update(size, seconds, batch) for size in sizes} if measure else {}
    for size, peak in measured.items():
        click.echo(f"{size}: {peak:.2f} GB at the peak of one real update in fp32 on this CPU, above what was there")
    if out:
        write_json(out, {"machine": about(), "rows": rows, "measured": measured})


def row(size: str, precision: str, again: bool, seconds: float, batch: int) -> dict[str, Any]:
    """Return the parts of the memory in GB; ``again``: activations are computed once more in the backward pass."""
    samples = int(seconds * SAMPLE_RATE)
    with FakeTensorMode():
        model = build(size, again, _TYPES[precision])
        weights = sum(parameter.numel() for parameter in model.parameters())
        states = weights * _STATES[precision]
        kept = kept_for_backward(model, torch.zeros(batch, samples, dtype=_TYPES[precision]))
    first = SIZES[size].get("conv_dim", [512])[0] * samples // 5 * batch * _TYPES[precision].itemsize * _COPIES
    return {
        "size": size,
        "M weights": round(weights / 1e6, 1),
        "precision": precision,
        "activations again": "yes" if again else "no",
        "weights and Adam, GB": round(states / 1e9, 1),
        "activations, GB": round(kept / 1e9, 2),
        "convolutions, GB": round(first / 1e9, 2),
        "in all, GB": round((states + kept + first) / 1e9, 1),
    }


def build(size: str, again: bool = False, dtype: torch.dtype = torch.float32) -> Any:
    """Build a model of fairseq with random weights and as many outputs as there are letters."""
    encoder = encoder_config(shape_of_settings(Wav2Vec2Settings(**SIZES[size])), normalize=False)
    # as config/model/wav2vec_ctc.yaml has it, but that no layer is left out
    encoder["model"] |= {"feature_grad_mult": 0.0, "encoder_layerdrop": 0.0, "dropout": 0.0, "attention_dropout": 0.0}
    encoder["model"] |= {"dropout_input": 0.0, "activation_dropout": 0.1}
    options = {"w2v_path": "", "data": "", "normalize": False, "ddp_backend": "legacy_ddp", "w2v_args": encoder}
    config = OmegaConf.merge(OmegaConf.structured(Wav2Vec2CtcConfig), options, {"checkpoint_activations": again})
    torch.set_default_dtype(dtype)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return Wav2VecEncoder(config, UNITS).train()
    finally:
        torch.set_default_dtype(torch.float32)


def kept_for_backward(model: Any, source: torch.Tensor) -> int:
    """Return the bytes that a forward pass leaves for the backward pass, beside weights."""
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, Any] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(source, None)
    assert output["encoder_out"].requires_grad
    return sum(storage.nbytes() for storage in kept.values())


def peak_of_an_update(size: str, seconds: float, batch: int) -> float:
    """Return by how many GB the peak of this process's memory rises in an update with Adam."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = build(size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    source = torch.randn(batch, int(seconds * SAMPLE_RATE))
    model(source, None)["encoder_out"].float().pow(2).mean().backward()
    optimizer.step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e9


if __name__ == "__main__":
    main()
