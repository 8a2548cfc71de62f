"""A run whose labelling is made of small text files, for tests that stop and resume it; also a script.

Every file that a fake step writes is a function of what it read, so two runs can be compared byte by byte.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from omegaconf import OmegaConf

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.units import LETTERS, write_units
from xlpl_plugin.rounds.actions import ACTIONS, Resources
from xlpl_plugin.rounds.driver import iterate
from xlpl_plugin.rounds.options import IterateConfig
from xlpl_plugin.rounds.steps import Emit, Label, Measure, Tune


def digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def emit(step: Emit, resources: Resources) -> None:
    rows = read_manifest(step.data, step.split, labels=False)
    write(Path(step.out) / "emissions.txt", f"{digest(Path(step.am))} {' '.join(rows.ids)}\n")


def tune(step: Tune, resources: Resources) -> None:
    write(Path(step.out) / "weights.txt", digest(Path(step.emissions) / "emissions.txt"))


def label(step: Label, resources: Resources) -> None:
    manifest = read_manifest(step.data, step.split, labels=False)
    seed = digest(Path(step.emissions) / "emissions.txt", *sorted(Path(step.tuning).glob("*.txt")))
    folder = Path(step.out)
    words = [("no " * (1 + int(seed[i % 60], 16))).strip() for i, _ in enumerate(manifest.ids)]
    units = [" ".join(f"{' '.join(word)} |" for word in line.split()) for line in words]
    records = zip(manifest.ids, words, units, strict=True)
    write(folder / "labels.jsonl", "".join(f"{json.dumps({'id': i, 'words': w, 'units': u})}\n" for i, w, u in records))
    rows = "".join(f"{u.path}\t{u.num_samples}\n" for u in manifest.utterances)
    write(folder / f"{step.split}.wrd", "".join(f"{line}\n" for line in words))
    write(folder / f"{step.split}.ltr", "".join(f"{line}\n" for line in units))
    write_units(folder, LETTERS)
    write(folder / f"{step.split}.tsv", f"{manifest.root}\n{rows}")


def measure(step: Measure, resources: Resources) -> None:
    assert all(Path(file).exists() for file in step.history)
    write(Path(step.out), digest(Path(step.labels) / "labels.jsonl"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


FAKES = {**ACTIONS, Emit: emit, Tune: tune, Label: label, Measure: measure}

if __name__ == "__main__":
    config = OmegaConf.merge(OmegaConf.structured(IterateConfig), OmegaConf.load(sys.argv[1]))
    iterate(OmegaConf.to_object(config), force="--force" in sys.argv, actions=FAKES)
