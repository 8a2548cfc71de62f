"""What a training log shows of continuous pseudo-labelling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from fairseq import utils
from fairseq.logging import metrics

from xlpl_plugin.continuous.guard import LabelCounts
from xlpl_plugin.continuous.learner import UpdateOutcome

_SIGNALS = tuple(LabelCounts(1, 1, 1, 1, 1, 1, (1,)).signals())


def counted(logged: dict[str, Any], step: UpdateOutcome[Any], num_units: int) -> dict[str, Any]:
    """Return what a step adds to the criterion's counts ``logged``: sums over batches and processes.

    The keys and their order are the same for every kind of step: processes that take different ones add theirs up,
    one by one.
    """
    nothing = 0 * logged["loss"]
    labelled = step.age is None
    fresh = step.fresh + LabelCounts(used=(0.0,) * num_units)
    return {
        "_loss_labelled": logged["loss"] if labelled else nothing,
        "_size_labelled": logged["sample_size"] if labelled else 0,
        "_loss_unlabelled": nothing if labelled else logged["loss"],
        "_size_unlabelled": 0 if labelled else logged["sample_size"],
        "_ages": step.age or 0,
        "_cached": int(step.age is not None),
        "_replaced": int(step.replaced),
        "_fresh": torch.tensor(fresh.to_list(), dtype=torch.float64),
    }


def log_curves(outputs: Sequence[dict[str, Any]]) -> None:
    """Log the sums of ``counted``, over a window as means of what it has; nothing at validation."""
    outputs = [output for output in outputs if "_cached" in output]
    if not outputs:
        return

    def total(key: str) -> Any:
        return utils.item(sum(output[key] for output in outputs))

    for part in ("labelled", "unlabelled"):
        if size := total(f"_size_{part}"):
            metrics.log_scalar(f"loss_{part}", total(f"_loss_{part}") / size / math.log(2), size, round=3)
    if cached := total("_cached"):
        metrics.log_scalar("cache_age", total("_ages") / cached, cached, round=1)
    metrics.log_scalar_sum("replaced", total("_replaced"))
    metrics.log_scalar_sum("_fresh", sum(output["_fresh"] for output in outputs))
    for name in _SIGNALS:
        metrics.log_derived(name, _signal(name))


def _signal(name: str) -> Callable[[Any], float | None]:
    def value(meters: Any) -> float | None:
        fresh = LabelCounts.from_list(meters["_fresh"].sum.tolist())
        return fresh.signals().get(name) if fresh.frames else None

    return value
