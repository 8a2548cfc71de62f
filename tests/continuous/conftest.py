"""Real trainings of a tiny model on continuous pseudo-labels, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import xlpl_plugin

ROOT = Path(__file__).parent.parent.parent
USER_DIR = str(Path(xlpl_plugin.__file__).parent)
LABELLED = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad", "deaf cab", "bead", "ace"]
UNLABELLED = ["dead", "cab ace", "bad face", "a cab", "fade", "add", "dab a cab", "face", "bed", "deaf dad"]
# a model that knows nothing yet: the guard would have much to say
OPTIONS = (
    *("common.cpu=true", "common.log_interval=1", "dataset.num_workers=0", "dataset.disable_validation=true"),
    *("checkpoint.keep_interval_updates=-1", "dataset.max_tokens=40000", "task.no_guard=true"),
    *("task.cache_size=3", "task.replace_prob=0.5"),
)
# all that the model draws at random
MODEL = (
    *("model.dim=16", "model.layers=2", "model.heads=2", "model.ffn_dim=16", "model.num_mels=20"),
    *("model.dropout=0.3", "model.layer_drop=0.3", "model.stretch_high=1.2", "model.vocal_tract_low=0.9"),
)


class Server:
    """Starts commands one after the other."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(Path(__file__).with_name("server.py"))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def begin(self, output: Path, entry: str, *words: str) -> int:
        """Start a command and return the id of its process; ``end`` must follow."""
        assert self._process.stdin is not None
        print(json.dumps([str(output), entry, *words]), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> int:
        """Return the exit status of what was begun."""
        return self._answer()

    def run(self, output: Path, entry: str, *words: str, status: int = 0) -> str:
        """Return what a command says, which ends with the exit status."""
        self.begin(output, entry, *words)
        found = self.end()
        said = output.read_text(encoding="utf-8")
        assert found == status, said[-3000:]
        return said

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@dataclass(frozen=True)
class Training:
    """A training, which is started again with the same words."""

    server: Server
    folder: Path
    words: tuple[str, ...]

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def last(self) -> Path:
        return self.checkpoints / "checkpoint_last.pt"

    def run(self, *more: str, updates: int = 0, status: int = 0) -> str:
        return self.server.run(self.log, *self._command(more, updates), status=status)

    def kill_when(self, happened: Callable[[], object], *, updates: int) -> None:
        process = self.server.begin(self.log, *self._command((), updates))
        deadline = time.monotonic() + 120
        while not happened():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process, signal.SIGKILL)
        assert self.server.end() == -signal.SIGKILL

    @property
    def log(self) -> Path:
        return self.folder / "train.log"

    def windows(self) -> list[dict[str, Any]]:
        """Return what was logged after each update, without times; a resumed training may log an update twice."""
        told = []
        for line in self.log.read_text().splitlines():
            if found := _WINDOW.search(line):
                window = json.loads(found[1])
                told.append({key: value for key, value in window.items() if key not in _TIMES})
        return told

    def _command(self, more: tuple[str, ...], updates: int) -> list[str]:
        self.folder.mkdir(exist_ok=True)
        return [
            "fairseq_cli.hydra_train:cli_main", "--config-dir", str(ROOT / "config"), "--config-name", "continuous",
            f"common.user_dir={USER_DIR}", f"checkpoint.save_dir={self.checkpoints}", *self.words, *more,
            *([f"optimization.max_update={updates}"] if updates else []),
        ]  # fmt: skip


_WINDOW = re.compile(r"\[train_inner\].* - (\{.*\})$")
_TIMES = {"wps", "ups", "train_wall", "wall", "gb_free"}


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> dict[str, Path]:
    """A labelled folder, and one of audio alone."""
    root = tmp_path_factory.mktemp("folders")
    labelled = make_folder(root / "labelled", {"train": LABELLED, "valid": LABELLED[:2]})
    return {"labelled": labelled, "audio": make_folder(root / "audio", {"train": UNLABELLED}, labels=False)}


@pytest.fixture(scope="session")
def training(server: Server, folders: dict[str, Path]) -> Callable[..., Training]:
    """A training in a folder, with options beside those that all have; ``model`` stands for those of the model."""

    def make(folder: Path, *options: str, model: tuple[str, ...] = MODEL) -> Training:
        data = (f"task.data={folders['labelled']}", f"task.unlabelled={folders['audio']}")
        return Training(server, folder, (*data, *OPTIONS, *model, *options))

    return make
