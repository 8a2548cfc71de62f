"""Runs the steps of a plan, each once; the same call goes on where an earlier one stopped."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import PART, sha256, write_json, write_text
from xlpl_plugin.rounds.actions import ACTIONS, Action, Resources
from xlpl_plugin.rounds.layout import RunLayout
from xlpl_plugin.rounds.options import IterateConfig, check
from xlpl_plugin.rounds.plan import make_plan
from xlpl_plugin.rounds.state import RunState
from xlpl_plugin.rounds.steps import Step, Train, fingerprints
from xlpl_plugin.rounds.training import find_trainer, training_command

# where and how fast a run is computed, not what: these may change between two calls
_FREE_KEYS = ("workers", "device", "max_seconds", "train_command")
_LOCK_PATIENCE = 10.0  # seconds; a trainer whose driver was killed needs a moment to end


def iterate(config: IterateConfig, *, force: bool = False, actions: Mapping[type[Step], Action] = ACTIONS) -> None:
    """Run or resume ``config`` in its run directory.

    Args:
        force: accept a configuration or inputs other than those the directory was begun with; what they touch is
            done again, the rest is kept.
        actions: what each kind of step does.

    Raises:
        XlplError: a configuration that cannot run or is not the run's, another process in the same directory, or
            a step that failed (what is done stays done).
    """
    check(config)
    trainer = tuple(config.train_command) or find_trainer()
    layout = RunLayout(config.out)
    _refuse_strangers(layout)
    plan = make_plan(config)
    marks = fingerprints(plan, cache(sha256))
    with _locked(layout) as lock:
        for half_written in layout.run.rglob(
            f".*{PART}"
        ):  # by a process that was killed; the lock says that none lives
            half_written.unlink()
        state = RunState(layout.state)
        _refuse_changes(config, layout, plan, marks, state, force)
        write_text(layout.config, frozen_yaml(config))
        write_json(layout.plan, [{"kind": type(step).__name__, **asdict(step)} for step in plan])
        resources = Resources(trainer, config.workers, config.device, config.max_seconds, (lock,))
        for number, step in enumerate(plan, start=1):
            if state.is_done(step.name, marks[step.name]):
                tqdm.write(f"[{number}/{len(plan)}] {step.name}: done before", file=sys.stderr)
                continue
            tqdm.write(f"[{number}/{len(plan)}] {step.name}", file=sys.stderr)
            _run(step, marks[step.name], state, resources, actions)


def describe(config: IterateConfig) -> list[str]:
    """Return one line for each step, marked where it is done, and the command of each training. Writes nothing.

    Raises:
        XlplError: a configuration that cannot run.
    """
    check(config)
    trainer = tuple(config.train_command) or find_trainer()
    plan, state = make_plan(config), RunState(RunLayout(config.out).state)
    marks = fingerprints(plan, cache(sha256))
    lines = []
    for step in plan:
        lines.append(f"[{'x' if state.is_done(step.name, marks[step.name]) else ' '}] {step.name}")
        if isinstance(step, Train):
            lines.append(f"      {shlex.join(training_command(step, trainer))}")
    return lines


def _run(step: Step, mark: str, state: RunState, resources: Resources, actions: Mapping[type[Step], Action]) -> None:
    if state.is_other(step.name, mark) or state[step.name] is None:
        _remove(Path(step.out))
    state.begin(step.name, mark)
    start = time.monotonic()
    actions[type(step)](step, resources)
    state.finish(step.name, mark, time.monotonic() - start)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def frozen_yaml(config: IterateConfig) -> str:
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _refuse_strangers(layout: RunLayout) -> None:
    """Refuse a folder that holds something and is no run."""
    if layout.run.is_dir() and any(layout.run.iterdir()) and not layout.lock.exists():
        raise XlplError(
            "the folder holds files and is not a run of 'xlpl iterate'",
            file=layout.run,
            expected="a new or empty folder, or a run to go on with",
            remedy="choose another out=...",
        )


def _refuse_changes(
    config: IterateConfig,
    layout: RunLayout,
    plan: tuple[Step, ...],
    marks: Mapping[str, str],
    state: RunState,
    force: bool,
) -> None:
    """Refuse to mix two configurations, or two versions of an input, in one run."""
    again = [step.name for step in plan if state.is_other(step.name, marks[step.name])]
    changes = _changes(config, layout)
    if force or not (again or changes):
        return
    told = "".join(f"\n    {line}" for line in changes) or " nothing; a file that it names has another content now"
    redone = f"does {', '.join(again)} again" if again else "does nothing again"
    raise XlplError(
        f"the run was begun with another configuration; changed:{told}",
        file=layout.config,
        expected="the configuration that the run was begun with",
        remedy=f"restore it, choose another out=..., or accept the change with --force, which {redone}",
    )


def _changes(config: IterateConfig, layout: RunLayout) -> list[str]:
    if not layout.config.exists():
        return []
    begun = OmegaConf.to_container(OmegaConf.load(layout.config))
    before, now = (_comparable(value).splitlines() for value in (begun, asdict(config)))
    return list(difflib.unified_diff(before, now, "begun with", "now", lineterm="", n=1))


def _comparable(config: Any) -> str:
    return OmegaConf.to_yaml({key: value for key, value in config.items() if key not in _FREE_KEYS})


@contextlib.contextmanager
def _locked(layout: RunLayout) -> Iterator[int]:
    """Hold the run for this process and its children; yields the lock's file descriptor.

    A trainer inherits the descriptor: while one lives whose driver was killed, no second one can write beside it.
    """
    layout.run.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("a") as stream:
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise XlplError(
                        "another process works in this run directory",
                        file=layout.lock,
                        expected="one 'xlpl iterate' at a time in a run directory",
                        remedy="wait for it, or end it (fuser names it), then give the same command again",
                    ) from None
                time.sleep(0.1)
        yield stream.fileno()
