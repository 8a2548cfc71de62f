"""A checkpoint of ``wav2vec_ctc`` becomes a folder that transformers opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder, new_output, results_folder, write_json
from xlpl_plugin.models.checkpoint import checkpoint_units, read_checkpoint
from xlpl_plugin.models.huggingface.architecture import (
    EncoderShape,
    Wav2Vec2Settings,
    config_of_settings,
    settings_of_checkpoint,
    shape_of_settings,
)
from xlpl_plugin.models.huggingface.importing import CONFIG_FILE, EXTRACTOR_FILE
from xlpl_plugin.models.huggingface.mapping import (
    OUR_OUTPUT,
    OUR_PREFIX,
    PROJECTION,
    THEIR_OUTPUT,
    THEIR_PREFIX,
    Weight,
    encoder_weights,
)
from xlpl_plugin.models.huggingface.vocabulary import vocabulary_files
from xlpl_plugin.models.huggingface.weight_files import WEIGHTS_FILE
from xlpl_plugin.models.safetensors_file import write_tensors


def export_huggingface(checkpoint: str | Path, out: str | Path, *, force: bool = False) -> tuple[str, ...]:
    """Write an acoustic model as a folder for ``transformers.pipeline("automatic-speech-recognition")``.

    Args:
        checkpoint: of ``wav2vec_ctc`` over a wav2vec 2.0.
        out: the new folder; its config.json is written last.
        force: overwrite what is in ``out``.

    Returns:
        the model's units.

    Raises:
        XlplError: as ``read_checkpoint``; another model, units without a word boundary, weights that do not fit its
            configuration; ``out`` holds something and ``force`` is false.
    """
    out = new_output(out, force=force)
    state = read_checkpoint(checkpoint)
    units = checkpoint_units(checkpoint, state)
    config = state.get("cfg") or {}
    settings = settings_of_checkpoint(config.get("model") or {}, len(units), checkpoint)
    files = vocabulary_files(units, checkpoint)
    weights = _their_weights(state["model"], shape_of_settings(settings), len(units), checkpoint)
    normalize = bool((config.get("task") or {}).get("normalize", False))
    with results_folder(out):
        write_tensors(make_folder(out) / WEIGHTS_FILE, weights, {"format": "pt"})
        for name, content in {**files, EXTRACTOR_FILE: _extractor(settings, normalize)}.items():
            write_json(out / name, content)
        write_json(out / CONFIG_FILE, config_of_settings(settings))
    return units


def _their_weights(
    found: Mapping[str, Tensor], shape: EncoderShape, outputs: int, checkpoint: str | Path
) -> dict[str, Tensor]:
    """Return the weights by transformers' names, as float32."""
    hidden = shape.options["encoder_embed_dim"]
    table = [
        *(weight._replace(ours=OUR_PREFIX + weight.ours, theirs=THEIR_PREFIX + weight.theirs)
          for weight in encoder_weights(shape)),
        Weight(f"{OUR_OUTPUT}weight", f"{THEIR_OUTPUT}weight", (outputs, hidden)),
        Weight(f"{OUR_OUTPUT}bias", f"{THEIR_OUTPUT}bias", (outputs,)),
    ]  # fmt: skip
    names = {weight.ours: weight for weight in table}
    wrong = sorted(
        name for name in names.keys() | found.keys()
        if name not in names or name not in found or tuple(found[name].shape) != names[name].our_shape
    )  # fmt: skip
    if wrong:
        raise XlplError(
            f"{len(wrong)} weights are not those of its configuration, such as {wrong[0]}",
            file=checkpoint,
            expected=f"the {len(names)} weights of a wav2vec 2.0 with an output layer",
        )
    theirs = {weight.theirs: found[weight.ours].float().reshape(weight.shape).contiguous() for weight in table}
    if not shape.projected:
        theirs[f"{THEIR_PREFIX}{PROJECTION}.weight"] = torch.eye(hidden)
        theirs[f"{THEIR_PREFIX}{PROJECTION}.bias"] = torch.zeros(hidden)
    return theirs


def _extractor(settings: Wav2Vec2Settings, normalize: bool) -> dict[str, Any]:
    """Return preprocessor_config.json; models with a group norm were trained without an attention mask."""
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "sampling_rate": SAMPLE_RATE,
        "padding_side": "right",
        "padding_value": 0.0,
        "do_normalize": normalize,
        "return_attention_mask": settings.feat_extract_norm == "layer",
    }
