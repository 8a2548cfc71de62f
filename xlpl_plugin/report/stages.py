"""Stages by number, as the report still counts them."""

from __future__ import annotations

from xlpl_plugin.stage import CONTINUOUS as _CONTINUOUS
from xlpl_plugin.stage import Stage

CONTINUOUS = 1_000_000


def stage_of(number: int) -> Stage:
    return _CONTINUOUS if number == CONTINUOUS else Stage.round(number)


def title(number: int) -> str:
    return str(stage_of(number))
