"""fairseq's checkpoint files, read without executing anything that they hold, and written as weights alone."""

from __future__ import annotations

import hashlib
import pickle
import sys
from argparse import Namespace
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.data import Dictionary
from omegaconf import AnyNode, BooleanNode, DictConfig, FloatNode, IntegerNode, ListConfig, OmegaConf, StringNode
from omegaconf.base import ContainerMetadata, Metadata

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, must_exist, new_output
from xlpl_plugin.models.convolutions import refuse_code
from xlpl_plugin.models.plain_model import State, read_plain_model
from xlpl_plugin.models.safetensors_file import SUFFIX

_SCALAR = np.float64(0).__reduce__()[0]
# torch.load(weights_only=True) accepts no class that is not listed. These hold plain data; without them fairseq can
# neither resume nor validate nor generate from its own checkpoints. For good: torch's context manager of the same
# purpose takes them off the list at its end, and a training that had read its init_from could not be resumed.
_PLAIN = [
    *(Dictionary, Namespace),
    # NumPy's numbers, under the names of NumPy 2 and 1
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("_core", "core")),
    *(np.dtype, *(type(np.dtype(code)) for code in "?bhilqBHILQefd")),
    # containers of OmegaConf, what is in them, and what they say about the types of that
    *(DictConfig, ListConfig, AnyNode, BooleanNode, FloatNode, IntegerNode, StringNode),
    *(Metadata, ContainerMetadata, Any, defaultdict, dict, list, bool, float, int, str),
]
torch.serialization.add_safe_globals(_PLAIN)

# what of the configuration fairseq needs to load a model
_SECTIONS = ("model", "task", "criterion")
# options of task and model that say where a training found its files, and what they are in a file of weights alone
_PLACES: Mapping[str, Any] = {
    **{name: "" for name in ("data", "init_from", "unlabelled", "dec_lexicon", "dec_lm", "w2v_path", "save_dir")},
    **{name: [] for name in ("mix", "mix_weights")},
    "finetune_from_model": None,
    "restore_file": "checkpoint_last.pt",
}


def read_checkpoint(path: str | Path) -> State:
    """Read a checkpoint to the CPU: tensors, plain values, fairseq's Dictionary and argparse's Namespace only.

    Containers of OmegaConf become dictionaries and lists, their interpolations resolved. A bundle's model.safetensors
    is read as the checkpoint that it stands for (``models.plain_model``).

    Raises:
        XlplError: no such file, not a checkpoint, a pickle that asks for anything else, or a configuration with code
            that fairseq would execute; nothing was executed.
    """
    path = must_exist(path, "a checkpoint of fairseq")
    state = read_plain_model(path) if path.suffix == SUFFIX else _unpickle(path)
    if not isinstance(state, dict) or not isinstance(state.get("model"), dict):
        raise XlplError("holds no model", file=path, expected="a checkpoint (.pt) of fairseq's training")
    refuse_code([state.get("cfg"), state.get("args")], path)
    return state


def _unpickle(path: Path) -> Any:
    try:
        return _plain(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise XlplError(
            f"refused to load: {_reason(error)}",
            file=path,
            expected="a checkpoint that holds tensors and plain data alone",
            remedy="get the file from someone you trust; never load it with weights_only=False",
        ) from error
    except Exception as error:  # garbage can break the unpickler in any way
        raise XlplError(
            f"cannot be read: {_reason(error)}",
            file=path,
            expected="a whole checkpoint (.pt) of fairseq",
            remedy="copy the file again, or take an earlier checkpoint of the run",
        ) from error


def checkpoint_units(path: str | Path, state: State | None = None) -> tuple[str, ...]:
    """Return the units of a checkpoint's outputs, in order; ``state`` saves reading the file again.

    Raises:
        XlplError: as ``read_checkpoint``, or the checkpoint names no units.
    """
    state = state or read_checkpoint(path)
    dictionary = (state.get("task_state") or {}).get("target_dictionary")
    if not isinstance(dictionary, Dictionary):
        raise XlplError(
            "does not say which units its outputs are",
            file=path,
            expected="a dictionary in the checkpoint's task_state, as CTC training of fairseq writes it",
            remedy="use a checkpoint of an acoustic model, not of pre-training",
        )
    return tuple(dictionary.symbols)


def checkpoint_updates(state: State) -> int:
    """Return after how many updates a checkpoint was saved; 0 where it does not say."""
    history = state.get("optimizer_history") or [{}]
    return int(history[-1].get("num_updates", 0))


def weights_digest(state: State) -> str:
    """Return a hash of a checkpoint's weights, whatever else is in it."""
    digest = hashlib.sha256()
    for name, value in state["model"].items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def extract_model(checkpoint: str | Path, out: str | Path, *, ema: bool = False, force: bool = False) -> None:
    """Write a checkpoint of weights alone: what fairseq needs to load the model, and nothing of its training.

    The same weights give the same bytes, wherever and whenever they were trained. ``task.init_from``, ``xlpl label``,
    ``fairseq-generate`` and ``fairseq-validate`` take the file; a training cannot be resumed from it.

    Args:
        checkpoint: of fairseq's training, or one that this function wrote.
        out: the new file, written atomically.
        ema: take the moving average of the weights, which a training with ema.store_ema=true keeps.
        force: overwrite ``out``.

    Raises:
        XlplError: as ``read_checkpoint``; no moving average in it; weights that are not numbers; ``out`` exists and
            ``force`` is false.
    """
    out = new_output(out, force=force)
    state = read_checkpoint(checkpoint)
    write_weights(state, _moving_average(checkpoint, state) if ema else state["model"], out, origin=checkpoint)


def average_checkpoints(paths: Sequence[str | Path], out: str | Path, *, force: bool = False) -> None:
    """Write the mean of the weights of several checkpoints of one training, in the form of ``extract_model``.

    Raises:
        XlplError: no checkpoint given, different models or units, weights that are not numbers, or ``out`` exists and
            ``force`` is false.
    """
    if not paths:
        raise XlplError("no checkpoints to average", expected="at least one path")
    out = new_output(out, force=force)
    newest = read_checkpoint(paths[-1])
    units, shapes = checkpoint_units(paths[-1], newest), _shapes(newest["model"])
    total = {name: _summand(value) for name, value in newest["model"].items()}
    for path in paths[:-1]:
        state = read_checkpoint(path)
        if checkpoint_units(path, state) != units or _shapes(state["model"]) != shapes:
            raise XlplError("another model or other units", file=path, expected=f"a checkpoint like {paths[-1]}")
        for name, value in state["model"].items():
            if value.is_floating_point():
                total[name] += value
    mean = {
        name: (total[name] / len(paths)).to(value.dtype) if value.is_floating_point() else value
        for name, value in newest["model"].items()
    }
    write_weights(newest, mean, out, origin=paths[-1])


def _moving_average(checkpoint: str | Path, state: State) -> Mapping[str, torch.Tensor]:
    """Return the weights that fairseq's trainer keeps beside the last ones."""
    average = (state.get("extra_state") or {}).get("ema")
    if not isinstance(average, dict) or _shapes(average) != _shapes(state["model"]):
        raise XlplError(
            "holds no moving average (EMA) of the weights",
            file=checkpoint,
            expected="a checkpoint of a training with ema.store_ema=true",
            remedy="train with ema.store_ema=true, or take the last, the best or the average of checkpoints",
        )
    return average


def write_weights(state: State, weights: Mapping[str, torch.Tensor], out: Path, *, origin: str | Path) -> None:
    """Write a checkpoint of weights alone, atomically; ``state`` says the rest, as ``read_checkpoint`` returns it.

    Raises:
        XlplError: weights of ``origin`` that are not numbers.
    """
    broken = [name for name, value in weights.items() if value.is_floating_point() and value.isnan().any()]
    if broken:
        raise XlplError(
            f"{len(broken)} of its {len(weights)} weights hold NaN, {broken[0]} for one",
            file=origin,
            expected="weights that are numbers",
            remedy="train again with a lower optimization.lr, a longer warm-up or optimization.clip_norm=1",
        )
    cfg = state.get("cfg")
    alone = {
        "args": state.get("args"),
        "cfg": cfg and {name: _without_places(cfg[name]) for name in _SECTIONS if name in cfg},
        "model": weights,
        "optimizer_history": [
            {"optimizer_name": "", "lr_scheduler_state": {}, "num_updates": checkpoint_updates(state)}
        ],
        "task_state": state.get("task_state") or {},
        "extra_state": {"train_iterator": {"epoch": 1, "iterations_in_epoch": 0}},
    }
    with atomic_open(out, "wb") as stream:
        torch.save(_canonical(alone), stream)


def _without_places(section: Any) -> Any:
    """Return a section of the configuration as it is in any folder, without that of an encoder's own training."""
    if not isinstance(section, dict):
        return section
    parts = {key: _PLACES.get(key, value) for key, value in section.items()}
    if isinstance(encoder := parts.get("w2v_args"), dict):
        # fairseq-validate stumbles over the rest, whose interpolations point to sections that are gone
        parts["w2v_args"] = {name: _without_places(encoder[name]) for name in ("model", "task") if name in encoder}
    return parts


def _plain(value: Any) -> Any:
    """Return dictionaries and lists in place of OmegaConf's containers, as fairseq itself writes them today."""
    if OmegaConf.is_config(value):
        return OmegaConf.to_container(value, resolve=True, enum_to_str=True)
    return {key: _plain(item) for key, item in value.items()} if type(value) is dict else value


def _canonical(value: Any) -> Any:
    """Copy plain data so that equal values have equal pickles.

    A pickle shows which of its strings are one object, and a tensor may be a view of a larger one.
    """
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, torch.Tensor):
        return value.detach().clone(memory_format=torch.contiguous_format)
    if isinstance(value, Mapping):
        return {_canonical(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_canonical, value))
    if isinstance(value, Dictionary | Namespace):
        copy = object.__new__(type(value))
        vars(copy).update(_canonical(vars(value)))
        return copy
    return value


def _summand(value: torch.Tensor) -> torch.Tensor:
    return value.double() if value.is_floating_point() else value


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items()}


def _reason(error: Exception) -> str:
    """What torch found; it wraps that in advice to load the file unsafely."""
    found = str(error.__context__ or error).strip() or type(error).__name__
    return found.splitlines()[0].partition(" Please use")[0]
