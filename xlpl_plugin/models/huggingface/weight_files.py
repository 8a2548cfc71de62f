"""The weights of a folder of transformers: one file or several with an index, safetensors or torch's."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json, system_errors
from xlpl_plugin.models.safetensors_file import SUFFIX, damaged, read_tensors

WEIGHTS_FILE = "model.safetensors"
_FILES = (WEIGHTS_FILE, "pytorch_model.bin")
_INDEX = ".index.json"


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read all weights of a folder, to the CPU, without executing anything.

    Raises:
        XlplError: no weights, a damaged file, or files that are not those of the index.
    """
    for name in _FILES:
        if (folder / name).exists():
            return read_weights_file(folder / name)
        if (folder / (name + _INDEX)).exists():
            return _read_shards(folder / (name + _INDEX), name)
    expected = " or ".join(f"{name} (or {name}{_INDEX} with its parts)" for name in _FILES)
    raise XlplError("no weights in the folder", file=folder, expected=expected, remedy="download the whole model")


def _read_shards(index: Path, name: str) -> dict[str, Tensor]:
    content = read_json(index)
    places: Any = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not all(isinstance(file, str) for file in places.values()):
        raise XlplError(
            "does not say where the weights are",
            file=index,
            expected="a weight_map from weight to file",
            remedy="download the file again",
        )
    shards = sorted(set(places.values()))
    _require_shards(index, name, shards)
    found: dict[str, Tensor] = {}
    for shard in shards:
        weights = read_weights_file(index.parent / shard)
        expected = {weight for weight, file in places.items() if file == shard}
        if wrong := sorted(weights.keys() ^ expected):
            what = "is missing" if wrong[0] in expected else "is not in the index"
            raise XlplError(f"{wrong[0]} {what}", file=index.parent / shard, expected=f"the weights that {index} names")
        found |= weights
    return found


def _require_shards(index: Path, name: str, shards: list[str]) -> None:
    """The files of the index must be there, inside the folder, and no others of their kind."""
    stem, suffix = name.rsplit(".", 1)
    there = {file.name for file in index.parent.glob(f"{stem}-*-of-*.{suffix}")}
    for shard in shards:
        if Path(shard).name != shard or not (index.parent / shard).is_file():
            raise XlplError(f"its part {shard!r} is not in the folder", file=index, remedy="download the whole model")
    if more := sorted(there - set(shards)):
        raise XlplError(
            f"the folder also has {more[0]}, which the index does not name",
            file=index,
            expected="the parts of one model",
            remedy="take the file away, or download the model into an empty folder",
        )


def read_weights_file(file: Path) -> dict[str, Tensor]:
    """Read one file of weights, safetensors or torch's, as ``read_weights`` does."""
    weights: Any = read_tensors(file) if file.suffix == SUFFIX else _read_pickle(file)
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise XlplError("holds something else than weights", file=file, expected="tensors by their names")
    return weights


def _read_pickle(file: Path) -> Any:
    with system_errors(file, "weights of torch"):
        stream = file.open("rb")
    try:
        with stream:
            return torch.load(stream, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise XlplError(
            "refused to load: it asks for more than tensors",
            file=file,
            expected="weights alone",
            remedy="get the model as safetensors; never load this file with weights_only=False",
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:  # of half a file torch says: invalid argument
        raise damaged(file, error) from error
