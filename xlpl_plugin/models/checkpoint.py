"""fairseq's checkpoint files, read without executing anything that they hold."""

from __future__ import annotations

import pickle
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from fairseq.data import Dictionary

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, must_exist, new_output

State = dict[str, Any]


def read_checkpoint(path: str | Path) -> State:
    """Read a checkpoint to the CPU: tensors, plain values, fairseq's Dictionary and argparse's Namespace only.

    Raises:
        XlplError: no such file, not a checkpoint, or a pickle that asks for anything else; nothing was executed.
    """
    path = must_exist(path, "a checkpoint of fairseq")
    try:
        with torch.serialization.safe_globals([Dictionary, Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
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
    if not isinstance(state, dict) or not isinstance(state.get("model"), dict):
        raise XlplError("holds no model", file=path, expected="a checkpoint (.pt) of fairseq's training")
    return state


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


def average_checkpoints(paths: Sequence[str | Path], out: str | Path, *, force: bool = False) -> None:
    """Write a checkpoint whose weights are the mean of others of the same run; it holds no optimizer state.

    Raises:
        XlplError: no checkpoint given, different models or units, or ``out`` exists and ``force`` is false.
    """
    if not paths:
        raise XlplError("no checkpoints to average", expected="at least one path")
    out = new_output(out, force=force)
    first = read_checkpoint(paths[0])
    units = checkpoint_units(paths[0], first)
    total = {name: _summand(value) for name, value in first["model"].items()}
    for path in paths[1:]:
        state = read_checkpoint(path)
        if checkpoint_units(path, state) != units or _shapes(state) != _shapes(first):
            raise XlplError("another model or other units", file=path, expected=f"a checkpoint like {paths[0]}")
        for name, value in state["model"].items():
            if value.is_floating_point():
                total[name] += value
    first["model"] = {
        name: (total[name] / len(paths)).to(value.dtype) if value.is_floating_point() else value
        for name, value in first["model"].items()
    }
    first.pop("last_optimizer_state", None)
    with atomic_open(out, "wb") as stream:
        torch.save(first, stream)


def _summand(value: torch.Tensor) -> torch.Tensor:
    return value.double() if value.is_floating_point() else value


def _shapes(state: State) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in state["model"].items()}


def _reason(error: Exception) -> str:
    """What torch found; it wraps that in advice to load the file unsafely."""
    found = str(error.__context__ or error).strip() or type(error).__name__
    return found.splitlines()[0].partition(" Please use")[0]
