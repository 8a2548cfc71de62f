"""A run is never mixed with another configuration, nor with files that are none of its own."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.steps import LATER, Step
from xlpl_plugin.run.state import RunState
from xlpl_plugin.stage import CONTINUOUS

Section = TypeVar("Section")

# where and how fast a run is computed, how far it goes and what it leaves on the disk, but not what its steps give:
# these may change between two calls. So may `continuous` while a run is begun without that phase
_FREE_KEYS = (
    "workers",
    "device",
    "max_seconds",
    "train_command",
    "launcher",
    "labelling",
    "stop",
    "delete_checkpoints",
)
# what a run goes on with after its end; what of it would change a step that is done, the step's fingerprint tells
_ROUNDS, _CORRECTIONS = "rounds", "corrections"
_OTHER_FILE = "a file that it names has another content now"


def frozen_section(file: Path, name: str, schema: type[Section]) -> Section:
    """Return one part of a run's frozen configuration; what the others name may be gone.

    Raises:
        XlplError: no such file, or a part that is none.
    """
    must_exist(file, "the configuration that `xlpl iterate` wrote")
    try:
        section = OmegaConf.select(OmegaConf.load(file), name)
        found = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), section))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise XlplError(
            f"its {name} cannot be read: {str(error).splitlines()[0]}",
            file=file,
            expected="the configuration that `xlpl iterate` wrote",
        ) from error
    assert isinstance(found, schema)
    return found


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
    begun = _begun_with(layout)
    free = _free_keys(begun)
    changes = _changes(begun, config, free)
    refused = _changes(begun, config, (*free, *_grown_keys(begun, config)))
    other = [step.name for step in plan if state.is_other(step.name, marks[step.name])]
    reopened = changes and not any(step.stage == CONTINUOUS for step in plan)
    # the phase follows rounds that are still to come
    again = [*other, *(state.begun_in(CONTINUOUS) if reopened else [])]
    if force or not (again or refused):
        return
    told = "".join(f"\n    {line}" for line in changes) or f" nothing; {_unseen(plan, again)}"
    if other and not refused and changes:
        told += f"\n    or {_OTHER_FILE}"
    redone = f"does {', '.join(again)} again" if again else "does nothing again"
    raise XlplError(
        f"the run was begun with another configuration; changed:{told}",
        file=layout.config,
        expected="the configuration that the run was begun with",
        remedy=f"restore it, choose another out=..., or accept the change with --force, which {redone}",
    )


def _unseen(plan: Sequence[Step], again: Sequence[str]) -> str:
    """Say what else than the configuration makes steps other ones."""
    if all(step.stage == CONTINUOUS for step in plan if step.name in again):
        return f"the best round is another one now (stop.*, or rounds that were done since), or {_OTHER_FILE}"
    return _OTHER_FILE


def _begun_with(layout: RunLayout) -> dict[str, Any]:
    """Return the configuration that a run was begun with; empty for a new run."""
    if not layout.config.exists():
        return {}
    begun = cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.load(layout.config)))
    # runs of earlier versions have no such keys
    since = {"folds": 1, "team": 1, **LATER}
    begun["student"] = {**since, **begun.get("student", {})}
    later = {"folds": 0, "team": 0, "drop_unsure_words": None}
    begun["changes"] = [{**later, **change} for change in begun.get("changes", [])]
    if search := begun.get("tuning", {}).get("search"):
        begun["tuning"]["search"] = {"word_length": 0.0, **search}
    return {_CORRECTIONS: [], "bf16": False, **begun}


def _free_keys(begun: Mapping[str, Any]) -> tuple[str, ...]:
    phased = begun.get("continuous", {}).get("enabled")
    return _FREE_KEYS if phased else (*_FREE_KEYS, "continuous")


def _grown_keys(begun: Mapping[str, Any], config: IterateConfig) -> tuple[str, ...]:
    return (_CORRECTIONS, _ROUNDS) if config.rounds > begun.get(_ROUNDS, 0) else (_CORRECTIONS,)


def _changes(begun: Mapping[str, Any], config: IterateConfig, free: Sequence[str]) -> list[str]:
    """Return how a configuration differs from that which a run was begun with, but for ``free`` keys."""
    if not begun:
        return []
    before, now = (_comparable(told, free).splitlines() for told in (begun, asdict(config)))
    return list(difflib.unified_diff(before, now, "begun with", "now", lineterm="", n=1))


def _comparable(config: Any, free: Sequence[str]) -> str:
    return OmegaConf.to_yaml({key: value for key, value in config.items() if key not in free}, sort_keys=True)
