"""A checkpoint becomes a folder with a graph of ONNX, once onnxruntime gives the same log-probs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.features import WINDOW
from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.files import atomic_path, new_output, results_folder, write_lines
from xlpl_plugin.models.acoustic import AcousticModel, load_acoustic_model
from xlpl_plugin.models.onnx.graph import FRAMES, LENGTHS, LOG_PROBS, SAMPLES, samples_per_frame, write_graph
from xlpl_plugin.models.transformer_ctc import TransformerCtc
from xlpl_plugin.text.symbols import PIECE_MARK, WORD_BOUNDARY

MODEL_FILE, TOKENS_FILE = "model.onnx", "tokens.txt"
# sherpa-onnx looks for the blank by this name
_BLANK = "<blk>"
# a file of protobuf cannot be larger, and the weights are in it
_LARGEST = 2**31 - 2**24
_TOLERANCE = 1e-4
# of the number itself: the logit of a special symbol that a model has no output for is -1000
_RELATIVE = 1e-6
# samples of the utterances that a batch of the check holds: from the shortest to more than `xlpl label` takes at once
_CHECKED = ((WINDOW,), (5_555, 5_555), (SAMPLE_RATE, SAMPLE_RATE, SAMPLE_RATE), (103_210,), (31 * SAMPLE_RATE,))
_CHECKED_PADDED = ((WINDOW, WINDOW), (5_555, 900), (SAMPLE_RATE, 9_999, WINDOW), (31 * SAMPLE_RATE, 103_210))

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExportedModel:
    """What was written: the units, and by how much log-probs differed from the checkpoint's at most."""

    units: tuple[str, ...]
    difference: float


def export_onnx(
    checkpoint: str | Path, out: str | Path, *, lengths: bool = False, force: bool = False
) -> ExportedModel:
    """Write an acoustic model as ``model.onnx`` and ``tokens.txt``, and compare it with the checkpoint.

    The graph turns samples into log-probs, log-mel features and normalisation within. ``tokens.txt`` has a unit and
    its number on each line, the blank and the word boundary by sherpa-onnx's names.

    Args:
        checkpoint: of ``xlpl_transformer_ctc`` or ``wav2vec_ctc``.
        out: the new folder; the graph is moved there when it has been compared.
        lengths: give the graph a second input, so that a batch can hold utterances of several lengths.
        force: overwrite what is in ``out``.

    Raises:
        XlplError: as ``load_acoustic_model``; a model that torch cannot export, or that is too large; ``lengths`` with
            another model than ``xlpl_transformer_ctc``; a module of the extra is not installed; log-probs that differ;
            ``out`` holds something and ``force`` is false.
    """
    out = new_output(out, force=force)
    for module in ("onnxscript", "onnxruntime"):
        optional_module(module, "onnx", "an ONNX file", out / MODEL_FILE)
    am = load_acoustic_model(checkpoint, "cpu")
    _require_exportable(am, checkpoint, lengths)
    file = out / MODEL_FILE
    with results_folder(out), atomic_path(file) as part:
        write_graph(am, part, lengths=lengths, properties=_properties(am))
        difference = compare(am, part, lengths=lengths, name=file)
        write_lines(out / TOKENS_FILE, _tokens(am.units))
    return ExportedModel(am.units, difference)


def _require_exportable(am: AcousticModel, checkpoint: str | Path, lengths: bool) -> None:
    size = sum(weight.numel() * weight.element_size() for weight in am.model.parameters())
    if size > _LARGEST:
        raise XlplError(
            f"{size / 1e9:.1f} GB of weights, and an ONNX file holds 2.1 GB at most",
            file=checkpoint,
            expected="a model of up to 500 million weights, such as XLS-R 300m",
        )
    if lengths and not isinstance(am.model, TransformerCtc):
        raise XlplError(
            f"its model is {type(am.model).__name__}, whose graph takes batches of one length alone",
            file=checkpoint,
            expected="xlpl_transformer_ctc, for a graph that takes lengths",
            remedy="export without --lengths, and give the model one utterance at a time",
        )


def _properties(am: AcousticModel) -> dict[str, str]:
    step = samples_per_frame(am.model)
    found = {"sample_rate": SAMPLE_RATE, "vocab_size": len(am.units), "blank_id": 0, "samples_per_frame": step}
    return {name: str(value) for name, value in found.items() if value is not None}


def _tokens(units: Sequence[str]) -> Iterator[str]:
    """Yield the lines of tokens.txt; sherpa-onnx reads the mark of sentencepiece as a space."""
    for number, unit in enumerate(units):
        token = _BLANK if number == 0 else PIECE_MARK if unit == WORD_BOUNDARY else unit
        yield f"{token} {number}"


def compare(am: AcousticModel, file: Path, *, lengths: bool, name: str | Path) -> float:
    """Run the graph in ``file`` on noise of several lengths and loudnesses, alone and in batches.

    Returns:
        the largest difference of its log-probs from the model's.

    Raises:
        XlplError: they are not the same, or onnxruntime cannot run the graph; ``name`` is the file's.
    """
    runtime = optional_module("onnxruntime", "onnx", "an ONNX file", name)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    largest = 0.0
    try:
        session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        for sizes in _CHECKED_PADDED if lengths else _CHECKED:
            waves = _noise(sizes)
            for ours, theirs in zip(am.emit(waves), _run(session, waves, lengths), strict=True):
                largest = max(largest, _difference(ours, theirs, name))
    except (RuntimeError, ValueError) as error:  # what onnxruntime raises
        raise _unlike(f"onnxruntime cannot run the graph: {str(error).splitlines()[0]}", name) from error
    return largest


def _noise(sizes: Sequence[int]) -> list[Array]:
    draw = np.random.default_rng(sum(sizes))
    return [
        (10.0 ** draw.uniform(-3, -0.5) * draw.standard_normal(size)).clip(-1, 1).astype(np.float32) for size in sizes
    ]


def _run(session: Any, waves: Sequence[Array], lengths: bool) -> list[Array]:
    """Return for each utterance the graph's own frames of it."""
    samples = np.stack([np.pad(wave, (0, max(map(len, waves)) - len(wave))) for wave in waves])
    if not lengths:
        return list(session.run([LOG_PROBS], {SAMPLES: samples})[0])
    fed = {SAMPLES: samples, LENGTHS: np.array([len(wave) for wave in waves])}
    log_probs, frames = session.run([LOG_PROBS, FRAMES], fed)
    return [own[:count] for own, count in zip(log_probs, frames, strict=True)]


def _difference(ours: Array, theirs: Array, name: str | Path) -> float:
    if ours.shape != theirs.shape:
        raise _unlike(f"the graph gives {theirs.shape} log-probs, the checkpoint {ours.shape}", name)
    largest = float(np.abs(ours - theirs).max(initial=0.0))
    if not np.allclose(theirs, ours, atol=_TOLERANCE, rtol=_RELATIVE):
        raise _unlike(f"the graph's log-probs differ from the checkpoint's by up to {largest:.2g}", name)
    return largest


def _unlike(problem: str, name: str | Path) -> XlplError:
    return XlplError(
        problem,
        file=name,
        expected=f"the same to {_TOLERANCE:g}",
        remedy="nothing was written; use the versions of torch, onnxscript and onnxruntime that xlpl was tested with",
    )
