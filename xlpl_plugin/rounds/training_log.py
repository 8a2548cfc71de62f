"""What a training's log tells: losses over updates, and how long it took."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.files import must_exist

# once in every process that trains
_STARTED = re.compile(r"\btraining on \d+ devices\b")
_DONE = re.compile(r"\bdone training in ([\d.]+) seconds")


@dataclass(frozen=True)
class TrainingLog:
    """The numbers of a training, in the order of updates; nan and inf are kept.

    Losses are bits a unit. ``train`` holds (update, loss), the mean since the point before; ``valid`` holds (update,
    loss, unit error rate in %), on the valid split. ``train_seconds`` adds up all processes that trained, without
    those parts of a killed one that it did not log.
    """

    updates: int
    train: tuple[tuple[int, float], ...]
    valid: tuple[tuple[int, float, float], ...]
    train_seconds: float


def read_training_log(path: str | Path) -> TrainingLog:
    """Read a train.log that was written with log_format json (other lines are passed over).

    A training that was resumed logs some updates twice; the later line counts.

    Raises:
        XlplError: there is no such file.
    """
    inner: dict[int, float] = {}
    epochs: dict[int, float] = {}
    valid: dict[int, tuple[float, float]] = {}
    seconds = [0.0]
    for line in _lines(Path(path)):
        if _STARTED.search(line):
            seconds.append(0.0)
        elif done := _DONE.search(line):
            seconds[-1] = float(done[1])
        if not (told := _stats(line)):
            continue
        if "valid_loss" in told:
            valid[int(told["valid_num_updates"])] = (float(told["valid_loss"]), float(told.get("valid_uer", "nan")))
            continue
        epoch = "train_loss" in told
        prefix = "train_" if epoch else ""
        (epochs if epoch else inner)[int(told[f"{prefix}num_updates"])] = float(told[f"{prefix}loss"])
        seconds[-1] = max(seconds[-1], float(told.get(f"{prefix}wall", 0)))
    return TrainingLog(
        updates=max((*inner, *epochs, *valid), default=0),
        train=tuple(sorted((inner or epochs).items())),
        valid=tuple((update, *values) for update, values in sorted(valid.items())),
        train_seconds=sum(seconds),
    )


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
        told = json.loads(brace + rest)
    except ValueError:  # cut off by a kill
        return {}
    pairs = (("loss", "num_updates"), ("train_loss", "train_num_updates"), ("valid_loss", "valid_num_updates"))
    return told if any(loss in told and updates in told for loss, updates in pairs) else {}
