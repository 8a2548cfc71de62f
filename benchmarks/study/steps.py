"""Steps: commands with a folder of their own, which cells share where all that decides the result is the same."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder, write_text
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.lock import locked

ROOT = Path(__file__).resolve().parents[2]
DONE_FILE, LOG_FILE = "done.json", "log.txt"
PROGRAMS = {
    "xlpl": (sys.executable, "-c", "from xlpl_plugin.cli import main; main()"),
    "part": (sys.executable, "-m", "study.part"),
    "train": (str(Path(sys.executable).parent / "fairseq-hydra-train"),),
    "phrases": (sys.executable, str(ROOT / "examples/quickstart/phrases.py")),
    "env": ("env",),
}
# as the examples set it: the first makes fairseq read UTF-8, the rest spares a CPU training page faults and spinning
_ENVIRONMENT = {
    "PYTHONUTF8": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "-1",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "PASSIVE",
}
_LINES_SHOWN = 12


@dataclass(frozen=True)
class Place:
    """A path in the folder of a step; of the step that names it, where ``step`` is None."""

    path: str
    step: Step | None = None

    def inside(self, name: str) -> Place:
        return Place(f"{self.path}/{name}", self.step)


@dataclass(frozen=True)
class Outside:
    """A file of the user's. What decides the result is its ``content``, by its hash, and not where it lies."""

    path: str
    content: str


@dataclass(frozen=True)
class Aside:
    """Words that change nothing that a result is known by, such as where packages are found."""

    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """Commands and the YAML files that they read.

    Attributes:
        kind: what it makes, such as speech or source; expected hours are by kind.
        commands: each the name of a program and its words: text, Place, Outside or Aside; a tuple of these is one word.
        files: name -> content of a YAML file in its folder, with Places in it, and Asides in its lists.
        goes_on: its commands go on where they were killed; else the step begins anew.
    """

    kind: str
    name: str
    commands: tuple[tuple[Any, ...], ...]
    files: Mapping[str, Any] = field(default_factory=dict)
    goes_on: bool = False

    @cached_property
    def key(self) -> str:
        """Stands for all that decides the result: words, files, and the keys of the steps whose output is read."""
        content = json.dumps(_without_asides([self.commands, self.files]), sort_keys=True, default=_known_by)
        return hashlib.sha256(content.encode()).hexdigest()[:10]

    @property
    def title(self) -> str:
        return f"{self.kind}-{self.name}-{self.key}"

    @cached_property
    def needs(self) -> tuple[Step, ...]:
        """The steps whose output it reads, each once."""
        found = {place.step.key: place.step for place in places_in([self.commands, self.files]) if place.step}
        return tuple(found.values())

    def with_needs(self) -> Iterator[Step]:
        """Yield all steps that it depends on, in an order in which they can be done, then itself."""
        seen: set[str] = set()
        yield from self._walk(seen)

    def _walk(self, seen: set[str]) -> Iterator[Step]:
        if self.key not in seen:
            seen.add(self.key)
            for step in self.needs:
                yield from step._walk(seen)
            yield self


def _without_asides(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_asides(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_asides(part) for part in value if not isinstance(part, Aside)]
    return value


def _known_by(value: Any) -> str:
    if isinstance(value, Place):
        return f"{value.step.key if value.step else '.'}/{value.path}"
    assert isinstance(value, Outside)
    return f"outside {value.content}"


def places_in(value: Any) -> Iterator[Place]:
    """Yield the places that commands or the content of a file name."""
    if isinstance(value, Place):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from places_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from places_in(part)


@dataclass(frozen=True)
class StepRecord(JsonRecord):
    """``done.json``: a step that is done. ``seconds`` are those of the last time that it was begun."""

    kind: str
    name: str
    key: str
    seconds: float

    holds = "the record of a step"
    written_by = "the study"


class WorkFolder:
    """The folder in which steps are done. It may be lost: then they are done again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def path(self, step: Step, inside: str = "") -> Path:
        return self.folder / "steps" / step.title / inside

    def is_done(self, step: Step) -> bool:
        return self.path(step, DONE_FILE).exists()

    def commands(self, step: Step) -> list[list[str]]:
        """Return the words of each command, the program's name first."""
        return [self.filled(list(command), step) for command in step.commands]

    def do(self, step: Step) -> None:
        """Do a step whose needs are done, unless it is done; wait where another process of this machine does it.

        Raises:
            XlplError: a command failed.
        """
        if self.is_done(step):
            return
        with locked(RunLayout(self.path(step)), patience=math.inf) as lock:
            if not self.is_done(step):
                self._do(step, make_folder(self.path(step)), lock)

    def _do(self, step: Step, folder: Path, lock: int) -> None:
        if not step.goes_on:
            _clear(folder)
        for name, content in step.files.items():
            write_text(folder / name, yaml.safe_dump(self.filled(content, step), sort_keys=False))
        started = time.monotonic()
        for command in self.commands(step):
            _run(command, folder / LOG_FILE, lock)
        seconds = round(time.monotonic() - started, 1)
        StepRecord(step.kind, step.name, step.key, seconds).write(folder / DONE_FILE)

    def filled(self, value: Any, step: Step) -> Any:
        """Return a value with paths in place of Places, a tuple as one text, and in lists the words of Asides."""
        if isinstance(value, Place):
            return str(self.path(value.step or step, value.path))
        if isinstance(value, Outside):
            return value.path
        if isinstance(value, tuple):
            return "".join(self.filled(part, step) for part in value)
        if isinstance(value, Mapping):
            return {key: self.filled(part, step) for key, part in value.items()}
        if isinstance(value, list):
            parts = ([*part.words] if isinstance(part, Aside) else [self.filled(part, step)] for part in value)
            return [text for texts in parts for text in texts]
        return value


def _clear(folder: Path) -> None:
    """Remove what an interrupted step left, but the log and the lock that is held."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in (LOG_FILE, *(RunLayout(folder).lock.name, RunLayout(folder).holder.name)):
            path.unlink()


def _run(command: list[str], log: Path, lock: int) -> None:
    """Run a command; what it prints is added to the log. The lock lives as long as it does."""
    path = os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH"))))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **_ENVIRONMENT, "PYTHONPATH": path, "PATH": programs}
    with log.open("ab") as stream:
        stream.write(f"$ {' '.join(command)}\n".encode())
        stream.flush()
        words = [*PROGRAMS[command[0]], *command[1:]]
        done = subprocess.run(words, stdout=stream, stderr=stream, env=environment, pass_fds=(lock,), check=False)
    if done.returncode:
        end = log.read_text("utf-8", errors="replace").splitlines()[-_LINES_SHOWN:]
        raise XlplError(
            f"{' '.join(command[:3])} failed ({done.returncode}):\n  " + "\n  ".join(end),
            file=log,
            remedy="mend what it says; the same command goes on",
        )
