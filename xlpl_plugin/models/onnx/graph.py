"""An acoustic model as a function of samples alone, and that function as a graph of ONNX."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.features import HOP, WINDOW, LogMel, normalize_utterance
from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.models.acoustic import AcousticModel
from xlpl_plugin.models.encoder import AcousticEncoder

SAMPLES, LENGTHS, LOG_PROBS, FRAMES = "samples", "lengths", "log_probs", "frames"
# what onnxruntime 1.14 and later runs; the first with all that our models use
_OPSET = 18
_CHATTY = ("onnx_ir", "onnxscript", "torch.onnx", "torch.export")


class OneLength(nn.Module):
    """Turns (N, T) samples, all of them the utterances' own, into (N, T', C) natural log-probabilities."""

    def __init__(self, am: AcousticModel) -> None:
        super().__init__()
        self.model, self.normalize = am.model, am.normalize

    def forward(self, samples: Tensor) -> Tensor:
        if self.normalize:
            samples = _normalized(samples, torch.ones_like(samples, dtype=torch.bool))
        output = self.model(source=samples, padding_mask=None)
        return self.model.get_normalized_probs(output, log_probs=True).transpose(0, 1)


class WithLengths(nn.Module):
    """Turns (N, T) samples, padded at the end, and (N,) own samples of each into log-probabilities and (N,) frames."""

    def __init__(self, encoder: AcousticEncoder, *, normalize: bool) -> None:
        super().__init__()
        self.encoder, self.normalize = encoder, normalize

    def forward(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if self.normalize:
            samples = _normalized(samples, torch.arange(samples.shape[1]) < lengths.unsqueeze(1))
        logits, frames = self.encoder(samples, lengths)
        return logits.log_softmax(dim=-1), frames


def _normalized(samples: Tensor, own: Tensor) -> Tensor:
    return normalize_utterance(samples.unsqueeze(-1), own).squeeze(-1)


def samples_per_frame(model: Any) -> int | None:
    """Return how many samples lie between two frames of a model's output; None if that cannot be told."""
    if isinstance(encoder := getattr(model, "encoder", None), AcousticEncoder):
        return HOP * encoder.config.stride
    layers = getattr(getattr(getattr(model, "w2v_encoder", None), "w2v_model", None), "feature_extractor", None)
    if layers is None:
        return None
    return math.prod(layer[0].stride[0] for layer in layers.conv_layers)


def write_graph(am: AcousticModel, file: Path, *, lengths: bool, properties: Mapping[str, str]) -> None:
    """Write the graph of a model on the CPU, which takes any number of utterances of any length from 25 ms.

    Args:
        am: the model.
        file: overwritten.
        lengths: let utterances of a batch have lengths of their own; for ``xlpl_transformer_ctc`` alone.
        properties: what the file says of the model beside the graph.

    Raises:
        XlplError: torch cannot say what the model computes, whatever the input.
    """
    passes = optional_module("onnx_ir.passes.common", "onnx", "an ONNX file", file)
    inputs: tuple[Tensor, ...] = (torch.zeros(2, SAMPLE_RATE),)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time", min=WINDOW)
    shapes: dict[str, Any] = {SAMPLES: {0: batch, 1: time}}
    module: nn.Module = OneLength(am)
    if lengths:
        inputs += (torch.full((2,), SAMPLE_RATE),)
        shapes[LENGTHS] = {0: batch}
        module = WithLengths(am.model.encoder, normalize=am.normalize)
    outputs = [LOG_PROBS, FRAMES] if lengths else [LOG_PROBS]
    with _quiet(), _for_any_length(am.model), torch.no_grad():
        program = _program(module.eval(), inputs, shapes, outputs, file)
        # each node says where in our sources it comes from
        passes.ClearMetadataAndDocStringPass()(program.model)
        program.model.metadata_props.update(properties)
        program.save(str(file), external_data=False)


def _program(
    module: nn.Module, inputs: tuple[Tensor, ...], shapes: Mapping[str, Any], outputs: Sequence[str], file: Path
) -> Any:
    try:
        return torch.onnx.export(
            module,
            inputs,
            input_names=list(shapes),
            output_names=outputs,
            dynamic_shapes=dict(shapes),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise XlplError(
            f"torch cannot write its graph: {str(error.__cause__ or error).strip().splitlines()[0]}",
            file=file,
            expected="a model of xlpl_transformer_ctc, or wav2vec_ctc over wav2vec 2.0",
        ) from error


@contextlib.contextmanager
def _for_any_length(model: nn.Module) -> Iterator[None]:
    """Make a model one that a graph can be, and that onnxruntime computes as precisely as torch; then undo it."""
    multiple = "required_seq_len_multiple"
    padding = {module: getattr(module, multiple) for module in model.modules() if hasattr(module, multiple)}
    hooks = [module.register_forward_hook(_centred) for module in model.modules() if isinstance(module, LogMel)]
    try:
        # fairseq pads an odd number of frames, to be fast: a graph cannot choose
        for module in padding:
            setattr(module, multiple, 1)
        yield
    finally:
        for module, value in padding.items():
            setattr(module, multiple, value)
        for hook in hooks:
            hook.remove()


def _centred(module: nn.Module, inputs: Any, features: Tensor) -> Tensor:
    """Bring log-mel features near 0; their normalisation takes any constant away.

    onnxruntime adds up frames one by one: those of a quiet recording, -12 each, lose the last digits of their mean.
    What is lowest is padding, and does not count.
    """
    counted = (features > features.amin(dim=(1, 2), keepdim=True)).to(features.dtype)
    mean = (features * counted).sum(dim=1, keepdim=True) / counted.sum(dim=1, keepdim=True).clamp(min=1.0)
    return features - mean


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter says of its own work off the screen."""
    loggers = {logging.getLogger(name): logging.getLogger(name).level for name in _CHATTY}
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)
