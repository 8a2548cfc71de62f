"""A real run, small enough for a test: tones as speech, two source AMs that vote, filters, a phase that collapses."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock

from xlpl_plugin.data.manifest import read_manifest

ROOT = Path(__file__).parent.parent.parent
# of the phase: labels are judged often, and so strictly that nearly any change is a collapse
_COLLAPSE = (
    '"optimization.lr=[0.05]"',
    "common.log_interval=1",
    "task.guard_window=2",
    "task.guard_least_units=1",
    "task.guard_churn=0.001",
    "checkpoint.save_interval_updates=1",
)


def recipe() -> ModuleType:
    """Return benchmarks/same_results.py, which writes such speech and runs the verbs."""
    spec = importlib.util.spec_from_file_location("same_results", ROOT / "benchmarks" / "same_results.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as it was made, not to be changed."""
    return made_once(tmp_path_factory, "tiny-run", make_tiny_run) / "votes"


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that ``make`` has filled; several processes of tests share one."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "made").exists():
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


def make_corrected_run(folder: Path, write_table: Callable[[Path, dict[str, str]], Path]) -> Path:
    """Run `xlpl iterate` with one round, then with a second that learns from true transcripts; return the run.

    ``write_table`` writes id -> transcript to a file.
    """
    verbs_of = recipe()
    verbs_of.write_corpus(folder)
    file = folder / "votes.yaml"
    file.write_text(file.read_text().replace("max_update: 160", "max_update: 120"))
    options = "voters=[] changes=[] student.max_update=30 student.checkpoint=last continuous.enabled=false"
    verbs_of.run_verbs(ROOT, folder, [*verbs_of.preparing(folder), f"iterate {file} rounds=1 {options}"])
    ids = read_manifest(folder / "target", "train", labels=False).ids
    told = {name: verbs_of.TARGET[int(Path(name).name)].capitalize() for name in ids[::2]}
    table = write_table(folder / "corrected.tsv", told | {ids[1]: "", ids[3]: "-"})
    with file.open("a") as stream:
        stream.write(f"corrections: [{{file: {table}, from_round: 2}}]\n")
    verbs_of.run_verbs(ROOT, folder, [f"iterate {file} rounds=2 {options}", f"report {folder}/votes"])
    return folder / "votes"


def make_tiny_run(folder: Path) -> Path:
    """Run `xlpl iterate` and `xlpl score --run`; return the run, with score.json in it.

    Round 0 is a vote of two source AMs, round 1 a student of it, the continuous phase goes on from the better one.
    """
    verbs_of = recipe()
    verbs_of.write_corpus(folder)
    file = folder / "votes.yaml"
    file.write_text(file.read_text().replace("max_update: 160", "max_update: 120"))
    changes = (
        "rounds=1 changes=[] student.max_update=30 student.checkpoint=last",
        "continuous.max_update=40 continuous.cache_size=2 continuous.replace_prob=1",
        f"continuous.overrides=[{','.join(_COLLAPSE)}]",
    )
    run = folder / "votes"
    verbs = [
        *verbs_of.preparing(folder),
        f"iterate {file} {' '.join(changes)}",
        f"score --run {run} --references {folder}/references --json {run}/score.json",
    ]
    verbs_of.run_verbs(ROOT, folder, verbs)
    return run
