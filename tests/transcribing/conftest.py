"""A run and its recogniser, which take seconds to make and to load."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small_run import run_parts, small_run
from support.tiny_checkpoints import build, save, save_wav2vec

from xlpl_plugin.transcribing.recogniser import Recogniser, load_recogniser

__all__ = ["build", "run_parts", "save", "save_wav2vec", "small_run"]


@pytest.fixture(scope="session")
def recogniser(tiny_run: Path) -> Recogniser:
    """The best model of a real run, with three readings of each piece."""
    return load_recogniser(tiny_run, device="cpu", nbest=3)
