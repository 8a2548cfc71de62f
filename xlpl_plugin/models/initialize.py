"""Starting one acoustic model from another that may have other units (the task's ``init_from``)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.checkpoint import checkpoint_units, read_checkpoint
from xlpl_plugin.models.plain_model import State

logger = logging.getLogger(__name__)
# the linear layer to the units, by model: ours, wav2vec_ctc
OUTPUT_LAYERS = ("encoder.output", "w2v_encoder.proj")


def initialize(model: nn.Module, checkpoint: str | Path, units: Sequence[str], state: State | None = None) -> None:
    """Copy a checkpoint's weights into ``model``, whose outputs are ``units``.

    The rows of the output layer are mapped by the units' names; rows of units that the checkpoint does not
    know keep their fresh values. Everything else is copied and must match. ``state`` saves reading the file again.

    Raises:
        XlplError: see ``read_checkpoint``; the checkpoint's units are unknown, or it has another architecture.
    """
    state = state or read_checkpoint(checkpoint)
    known = checkpoint_units(checkpoint, state)
    source, target = state["model"], model.state_dict()
    layer = _output_layer(source, target, checkpoint)
    _require_same_shapes(source, target, layer, checkpoint)
    rows = {unit: row for row, unit in enumerate(known)}
    shared = [(rows[unit], row) for row, unit in enumerate(units) if unit in rows]
    with torch.no_grad():
        for name, value in target.items():
            if name.startswith(f"{layer}."):
                for old, new in shared:
                    value[new] = source[name][old]
            else:
                value.copy_(source[name])
    missing = [unit for unit in units if unit not in rows]
    logger.info("%s: %d of %d units mapped, new: %s", checkpoint, len(shared), len(units), " ".join(missing) or "none")


def _output_layer(source: Mapping[str, Tensor], target: Mapping[str, Tensor], checkpoint: str | Path) -> str:
    for layer in OUTPUT_LAYERS:
        if f"{layer}.weight" in source and f"{layer}.weight" in target:
            return layer
    raise XlplError(
        "its output layer is not where this model has it",
        file=checkpoint,
        expected=f"both models with {' or both with '.join(OUTPUT_LAYERS)}",
        remedy="start from a checkpoint of the same kind of model",
    )


def _require_same_shapes(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], layer: str, checkpoint: str | Path
) -> None:
    """Rows may differ in the output layer, nothing else may."""

    def shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(value.shape)[1:] if name.startswith(f"{layer}.") else tuple(value.shape)
            for name, value in weights.items()
        }

    ours, theirs = shapes(target), shapes(source)
    if ours == theirs:
        return
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    example = f"{names[0]} is {theirs.get(names[0], 'missing')} there and {ours.get(names[0], 'missing')} here"
    raise XlplError(
        f"another architecture: {len(names)} weights differ, for instance {example}",
        file=checkpoint,
        expected="a checkpoint of a model of the same size and options",
        remedy="set model=... to what the checkpoint was trained with (see hydra/.hydra/config.yaml of its run)",
    )
