"""A small project for runs: target audio (by name only), a source checkpoint, a lexicon, an LM, a fake trainer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import fake_run as fakes

from xlpl_plugin.config import load_config
from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.run.actions import ACTIONS
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.steps import Extract

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def fake_run() -> ModuleType:
    return fakes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with ``run.yaml`` and all that it names. The transcripts beside the audio cannot be read."""
    (tmp_path / "it").mkdir()
    for split, count in (("train", 4), ("valid", 2), ("test", 2)):
        rows = "".join(f"{split}{i}.wav\t16000\n" for i in range(count))
        (tmp_path / "it" / f"{split}.tsv").write_text(f"{tmp_path}/it/audio\n{rows}")
        for suffix in ("wrd", "ltr"):
            (tmp_path / "it" / f"{split}.{suffix}").write_bytes(b"\xff\xfe the truth\n")
    (tmp_path / "source.pt").write_text("source")
    (tmp_path / "lexicon.txt").write_text("no\tn o |\n")
    (tmp_path / "lm.arpa").write_text("lm")
    (tmp_path / "student.yaml").write_text("optimization: {max_update: 10}\n")
    (tmp_path / "run.yaml").write_text(
        f"""
out: {tmp_path}/run
rounds: 2
source: {{checkpoint: {tmp_path}/source.pt}}
target: {{data: {tmp_path}/it, eval_splits: [test]}}
decoder: {{lexicon: {tmp_path}/lexicon.txt, lm: {tmp_path}/lm.arpa}}
student: {{config_dir: {tmp_path}, config_name: student, init: previous}}
train_command: [{sys.executable}, {HERE}/fake_trainer.py]
"""
    )
    return tmp_path


@pytest.fixture
def configure(project: Path) -> Callable[..., IterateConfig]:
    """Return the project's configuration with overrides."""

    def build(*overrides: str) -> IterateConfig:
        return load_config(IterateConfig, project / "run.yaml", overrides)

    return build


@pytest.fixture
def results() -> Callable[[Path], dict[str, Any]]:
    """Return the bytes of all that a run made, without logs, times and the state of the trainer."""

    def read(run: Path) -> dict[str, Any]:
        skip = {"state.json", "train.log", "run.lock", "updates.new"}
        return {
            str(f.relative_to(run)): f.read_bytes()
            for f in sorted(run.rglob("*"))
            if f.is_file() and f.name not in skip
        }

    return read


@pytest.fixture
def actions() -> dict[Any, Any]:
    """All is real but the training."""
    return {**ACTIONS, Extract: fakes.extract}


def write_listening_project(folder: Path, yaml: str) -> Path:
    """Hold out all but 8 recordings of ``folder/data``; write a student, and ``run.yaml``, which is returned."""
    whole = read_manifest(folder / "data", "train", labels=False)
    for split, rows in (("train", whole.utterances[:8]), ("valid", whole.utterances[8:])):
        write_manifest(folder / "data", split, Manifest(whole.root, rows))
    (folder / "student.yaml").write_text("optimization: {max_update: 10}\n")
    run = folder / "run.yaml"
    run.write_text(yaml.format(folder=folder, python=sys.executable, trainer=HERE / "fake_trainer.py"))
    return run


def made(layout: RunLayout) -> dict[str, bytes]:
    """Return what a run came to, but for times."""
    ends = (".tsv", ".wrd", ".ltr", ".txt", ".jsonl", "tune.json", "signals.json", "model.pt")
    files = [file for file in sorted(layout.run.rglob("*")) if file.name.endswith(ends)]
    return {str(file.relative_to(layout.run)): file.read_bytes() for file in files}
