"""A run whose labelling is made of small text files, for tests that stop and resume it; also a script.

Every file that a fake step writes is a function of what it read, so two runs can be compared byte by byte.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from support.healthy import HEALTHY

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.units import LETTERS, write_units
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import Hypothesis
from xlpl_plugin.emissions.source import Window
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.records import LABELS_FILE, make_record, record_line
from xlpl_plugin.monitoring.signals import DecoderWeights, Measurement
from xlpl_plugin.run.actions import ACTIONS, Resources
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.plan.steps import Emit, Extract, Label, Measure, Select, Step, Tune, Vote
from xlpl_plugin.stage import Stage


def digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def emit(step: Emit, resources: Resources) -> None:
    rows = read_manifest(step.config.data, step.config.split, labels=False)
    write(Path(step.out) / "emissions.txt", f"{digest(Path(step.config.am))} {' '.join(rows.ids)}\n")


def extract(step: Extract, resources: Resources) -> None:
    write_model(Path(step.out), digest(Path(step.checkpoints) / "checkpoint_last.pt") + step.how)


def select(step: Select, resources: Resources) -> None:
    weights = [Path(step.config.tuning) / "weights.txt"] if step.config.tuning else []
    write_model(Path(step.out), digest(Path(step.checkpoints) / "checkpoint_last.pt", *weights))


def write_model(path: Path, weights: str) -> None:
    """Checkpoints are zip files; the same weights make the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("weights"), weights)


def vote(step: Vote, resources: Resources) -> None:
    for file in sorted(Path(step.config.voters[-1]).iterdir()):
        write(Path(step.out) / file.name, file.read_text())


def tune(step: Tune, resources: Resources) -> None:
    write(Path(step.out) / "weights.txt", digest(Path(step.config.emissions) / "emissions.txt"))


def label(step: Label, resources: Resources) -> None:
    manifest = read_manifest(step.config.data, step.config.split, labels=False)
    seed = digest(Path(step.config.emissions) / "emissions.txt", *sorted(Path(step.config.tuning).glob("*.txt")))
    rows = []
    for number, utterance in enumerate(manifest.utterances):
        words = ["no"] * (1 + int(seed[number % 60], 16))
        rows.append(replace(utterance, words=" ".join(words), units=" ".join(["n o |"] * len(words))))
    records = (make_record(row.id, row.seconds, 1000, heard(row), heard(row), windows=[WINDOW]) for row in rows)
    write_lines(Path(step.out) / LABELS_FILE, map(record_line, records))
    write_manifest(step.out, step.config.split, Manifest(manifest.root, tuple(rows)))
    write_units(Path(step.out), LETTERS)


def heard(row: Utterance) -> Hypothesis:
    """Words of which none is less sure than another: a unit a frame."""
    words, units = tuple(row.words.split()), tuple(row.units.split())
    frames = tuple(range(len(units) + 1))
    return Hypothesis(words, units, -1.0, -1.0, -2.0, frames[:-1], frames[1:], (0.5,) * len(words))


def measure(step: Measure, resources: Resources) -> None:
    assert all(Path(file).exists() for file in step.history)
    seed = int(digest(Path(step.config.labels) / "labels.jsonl")[:4], 16)
    number = step.stage.number
    change = None if step.stage == FIRST else 0.5
    told = {"vocabulary": 700 + seed % 50, "change": change, "label_free": 1 / (1 + number)}
    signals = replace(HEALTHY, utterances=4, **told)
    Measurement(step.stage.folder, WEIGHTS, signals, ()).write(step.out)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


FIRST = Stage.round(0)
WINDOW = Window(1000, 0.0, 1.0)
WEIGHTS = DecoderWeights(lm_weight=2.5, word_score=-0.5, blank_penalty=0.25, beam=100)
FAKES = {
    **ACTIONS,
    Emit: emit,
    Extract: extract,
    Select: select,
    Tune: tune,
    Label: label,
    Vote: vote,
    Measure: measure,
}


def noting(actions: dict[Any, Any], done: list[str], stop_after: str = "") -> dict[Any, Any]:
    """Wrap actions: note each step's name, and break off after one."""

    def wrap(action: Callable[..., None]) -> Callable[..., None]:
        def run(step: Step, resources: Any) -> None:
            action(step, resources)
            done.append(step.name)
            if step.name == stop_after:
                raise KeyboardInterrupt

        return run

    return {kind: wrap(action) for kind, action in actions.items()}


def measuring(**changed: Callable[[Stage], Any]) -> dict[Any, Any]:
    """Return actions whose rounds measure as healthy ones do, but for fields that are functions of the stage."""

    def changing(step: Measure, resources: Any) -> None:
        measure(step, resources)
        measured = Measurement.read(step.out)
        signals = replace(measured.signals, **{key: value(step.stage) for key, value in changed.items()})
        replace(measured, signals=signals).write(step.out)

    return {**FAKES, Measure: changing}


def start_driver(config_file: Path) -> subprocess.Popen[bytes]:
    """Begin the run of ``config_file`` in a process of its own, which a test can kill."""
    paths = os.pathsep.join(str(Path(__file__).parents[up]) for up in (1, 2))  # of `support` and of `xlpl_plugin`
    return subprocess.Popen(
        [sys.executable, __file__, str(config_file)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    config = OmegaConf.merge(OmegaConf.structured(IterateConfig), OmegaConf.load(sys.argv[1]))
    iterate(OmegaConf.to_object(config), force="--force" in sys.argv, actions=FAKES)
