"""Corpora in a folder of the test's own, prepared by the function behind the verbs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.data.summary import PrepareReport
from xlpl_plugin.data.utterances import Utterance

WHOLE = {"valid": 0.0, "test": 0.0, "workers": 1}


def hiss(seconds: float, loudness: float = 0.2, seed: int = 7) -> npt.NDArray[np.float32]:
    """Noise, by default as loud as speech; every seed has its own."""
    samples = np.random.default_rng(seed).uniform(-loudness, loudness, round(seconds * SAMPLE_RATE))
    return samples.astype(np.float32)


def save(file: Path, samples: npt.NDArray[Any], rate: int = SAMPLE_RATE) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, samples, rate)
    return file


def run(items: Iterable[Item], out: Path, **options: Any) -> PrepareReport:
    """Prepare in this process, everything to train, unless ``options`` say otherwise."""
    return prepare(list(items), out, PrepareOptions(**{**WHOLE, **options}))


def utterances(folder: Path) -> dict[str, Utterance]:
    """Return all utterances of a prepared folder by id."""
    return {
        one.id: one
        for part in ("train", "valid", "test")
        if (folder / f"{part}.tsv").exists()
        for one in read_manifest(folder, part).utterances
    }


def reasons(report: PrepareReport) -> dict[str, str]:
    return {drop.id: drop.reason for drop in report.dropped}
