"""A run is never mixed with another configuration, nor with files that are none of its own."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from omegaconf import OmegaConf

from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.steps import Step
from xlpl_plugin.run.state import RunState
from xlpl_plugin.stage import CONTINUOUS

# where and how fast a run is computed, how far it goes and what it leaves on the disk, but not what its steps give:
# these may change between two calls. So may `continuous` while a run is begun without that phase
_FREE_KEYS = ("workers", "device", "max_seconds", "train_command", "launcher", "stop", "delete_checkpoints")


def frozen_yaml(config: IterateConfig) -> str:
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def refuse_strangers(layout: RunLayout) -> None:
    """Refuse a folder that holds something and is no run."""
    if layout.run.is_dir() and any(layout.run.iterdir()) and not layout.lock.exists():
        raise XlplError(
            "the folder holds files and is not a run of 'xlpl iterate'",
            file=layout.run,
            expected="a new or empty folder, or a run to go on with",
            remedy="choose another out=...",
        )


def refuse_changes(
    config: IterateConfig,
    layout: RunLayout,
    plan: Sequence[Step],
    marks: Mapping[str, str],
    state: RunState,
    force: bool,
) -> None:
    """Refuse to mix two configurations, or two versions of an input, in one run."""
    again = [step.name for step in plan if state.is_other(step.name, marks[step.name])]
    changes = _changes(config, layout)
    if force or not (again or changes):
        return
    told = "".join(f"\n    {line}" for line in changes) or f" nothing; {_unseen(plan, again)}"
    redone = f"does {', '.join(again)} again" if again else "does nothing again"
    raise XlplError(
        f"the run was begun with another configuration; changed:{told}",
        file=layout.config,
        expected="the configuration that the run was begun with",
        remedy=f"restore it, choose another out=..., or accept the change with --force, which {redone}",
    )


def _unseen(plan: Sequence[Step], again: Sequence[str]) -> str:
    """Say what else than the configuration makes steps other ones."""
    files = "a file that it names has another content now"
    if all(step.stage == CONTINUOUS for step in plan if step.name in again):
        return f"the best round is another one now (stop.*, or rounds that were done since), or {files}"
    return files


def _changes(config: IterateConfig, layout: RunLayout) -> list[str]:
    if not layout.config.exists():
        return []
    begun = OmegaConf.load(layout.config)
    free = _FREE_KEYS if OmegaConf.select(begun, "continuous.enabled") else (*_FREE_KEYS, "continuous")
    before, now = (_comparable(told, free).splitlines() for told in (OmegaConf.to_container(begun), asdict(config)))
    return list(difflib.unified_diff(before, now, "begun with", "now", lineterm="", n=1))


def _comparable(config: Any, free: Sequence[str]) -> str:
    return OmegaConf.to_yaml({key: value for key, value in config.items() if key not in free})
