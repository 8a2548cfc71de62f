"""The adapter of a language (MMS): a small file of weights that joins the model in the folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.models.huggingface.architecture import EncoderShape
from xlpl_plugin.models.huggingface.mapping import ADAPTER, THEIR_OUTPUT, THEIR_PREFIX, encoder_weights
from xlpl_plugin.models.huggingface.weight_files import read_weights_file

# as transformers names them, in the order in which it looks for them
_FILES = ("adapter.{}.safetensors", "adapter.{}.bin")
_NAMED = re.compile(r"adapter\.(.+)\.(?:safetensors|bin)")


@dataclass(frozen=True)
class Adapter:
    """An adapter's language, by its code in the model's files, and its weights: of each layer, and the output layer."""

    language: str
    weights: Mapping[str, Tensor]


def read_adapter(folder: Path, wanted: str, shape: EncoderShape) -> Adapter:
    """Read an adapter.

    Args:
        folder: of the model.
        wanted: a language, whose file is in the folder, or the path of a file.
        shape: of the model's encoder.

    Raises:
        XlplError: no such file, a model without adapters, or weights that are not those of its adapters.
    """
    if shape.adapter is None:
        raise XlplError(
            "its config.json has no adapters (adapter_attn_dim)",
            file=folder,
            expected="a model with an adapter for each language, such as mms-1b-all",
            remedy="leave --adapter out",
        )
    file = _find(folder, wanted)
    weights = read_weights_file(file)
    _require_all(file, weights, shape)
    named = _NAMED.fullmatch(file.name)
    return Adapter(named[1] if named else wanted, weights)


def _find(folder: Path, wanted: str) -> Path:
    named = [folder / name.format(wanted) for name in _FILES if Path(wanted).name == wanted]
    found = next((file for file in named if file.exists()), None)
    if found is None and Path(wanted).suffix not in (".safetensors", ".bin"):
        there = sorted(match[1] for file in folder.iterdir() if (match := _NAMED.fullmatch(file.name)))
        raise XlplError(
            f"no adapter of {wanted!r}: {_FILES[0].format(wanted)} is not there",
            file=folder,
            expected=f"a language with a file in it ({', '.join(there[:10]) or 'there is none'}), or the path of one",
            remedy="download the file of the language from where the model is from",
        )
    return found or must_exist(wanted, "the adapter of a language")


def _require_all(file: Path, weights: Mapping[str, Tensor], shape: EncoderShape) -> None:
    """An adapter has its weights of every layer, and the output layer; their shapes are looked at with the model's."""
    layers = {THEIR_PREFIX + weight.theirs for weight in encoder_weights(shape) if f".{ADAPTER}." in weight.theirs}
    expected = {*layers, f"{THEIR_OUTPUT}weight", f"{THEIR_OUTPUT}bias"}
    if wrong := sorted(weights.keys() ^ expected):
        what = "is missing" if wrong[0] in expected else "is none of an adapter's"
        raise XlplError(
            f"{wrong[0]} {what}",
            file=file,
            expected=f"the {len(expected)} weights of an adapter and output layer for the model",
            remedy="download the adapter that belongs to this model",
        )
