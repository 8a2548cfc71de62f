"""Read a training's log: losses over updates, and how long it took."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xlpl_plugin.files import must_exist

# once in every process that trains
_STARTED = re.compile(r"\btraining on \d+ devices\b")
_DONE = re.compile(r"\bdone training in ([\d.]+) seconds")
# what a training on continuous pseudo-labels logs beside its loss; a window that has no value for one leaves it out
CONTINUOUS = (
    "loss_labelled",
    "loss_unlabelled",
    "cache_age",
    "replaced",
    "pl_blank",
    "pl_length",
    "pl_letters",
    "pl_churn",
)

Points = tuple[tuple[int, float], ...]
# key -> update -> value
_Curves = defaultdict[str, dict[int, float]]


@dataclass(frozen=True)
class TrainingLog:
    """The numbers of a training, in the order of updates; nan and inf are kept.

    Losses are bits a unit. ``train`` holds (update, loss), the mean since the point before; ``valid`` holds (update,
    loss, unit error rate in %), on the valid split. ``train_seconds`` adds up all processes that trained, without
    those parts of a killed one that it did not log. ``continuous`` holds (update, value) for those keys of
    ``CONTINUOUS`` that were logged: losses in bits a unit; the age of the labels trained on, in updates; the number of
    batches replaced since the point before; and of the labels made: blank frames in %, units a second, different
    units, and edits in % against the labels that they replace.
    """

    updates: int
    train: Points
    valid: tuple[tuple[int, float, float], ...]
    train_seconds: float
    continuous: Mapping[str, Points] = field(default_factory=dict)


def read_training_log(path: str | Path) -> TrainingLog:
    """Read a train.log that was written with log_format json (other lines are passed over).

    A training that was resumed logs some updates twice; the later line counts.

    Raises:
        XlplError: there is no such file.
    """
    inner: _Curves = defaultdict(dict)
    epochs: _Curves = defaultdict(dict)
    valid: dict[int, tuple[float, float]] = {}
    seconds = [0.0]
    for line in _lines(Path(path)):
        if _STARTED.search(line):
            seconds.append(0.0)
        elif done := _DONE.search(line):
            seconds[-1] = float(done[1])
        if not (stats := _stats(line)):
            continue
        if "valid_loss" in stats:
            valid[int(stats["valid_num_updates"])] = (float(stats["valid_loss"]), float(stats.get("valid_uer", "nan")))
            continue
        epoch = "train_loss" in stats
        prefix = "train_" if epoch else ""
        _add(epochs if epoch else inner, stats, prefix)
        seconds[-1] = max(seconds[-1], float(stats.get(f"{prefix}wall", 0)))
    curves = {key: tuple(sorted(points.items())) for key, points in (inner or epochs).items() if points}
    return TrainingLog(
        updates=max((*inner["loss"], *epochs["loss"], *valid), default=0),
        train=curves.get("loss", ()),
        valid=tuple((update, *values) for update, values in sorted(valid.items())),
        train_seconds=sum(seconds),
        continuous={key: curves[key] for key in CONTINUOUS if key in curves},
    )


def _add(curves: _Curves, stats: Mapping[str, Any], prefix: str) -> None:
    """Add a line's values; what a former process logged for the same update goes, also where this one has none."""
    update = int(stats[f"{prefix}num_updates"])
    for key in ("loss", *CONTINUOUS):
        value = stats.get(f"{prefix}{key}")
        if value is not None:
            curves[key][update] = float(value)
        elif key in curves:
            curves[key].pop(update, None)


def _lines(path: Path) -> Iterator[str]:
    # written by whatever runs in the child: no place to insist on UTF-8
    with must_exist(path, "the train.log of a training").open(encoding="utf-8", errors="replace") as stream:
        yield from stream


def _stats(line: str) -> Mapping[str, Any]:
    """Return the JSON object at the end of a line if it holds a loss and its update, else nothing."""
    _, brace, rest = line.partition("{")
    if '"' not in rest[:2]:  # most lines; the configuration is a dict, but no JSON
        return {}
    try:
        stats = json.loads(brace + rest)
    except ValueError:  # cut off by a kill
        return {}
    pairs = (("loss", "num_updates"), ("train_loss", "train_num_updates"), ("valid_loss", "valid_num_updates"))
    return stats if any(loss in stats and updates in stats for loss, updates in pairs) else {}
