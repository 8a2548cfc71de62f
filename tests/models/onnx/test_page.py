"""The Python examples of docs/onnx.md, run as they stand there."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from xlpl_plugin.models.checkpoint import read_checkpoint
from xlpl_plugin.models.onnx.exporting import export_onnx

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"


def test_examples(
    tmp_path: Path, save: Callable[..., Path], make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / "sw" / "round-4").mkdir(parents=True)
    am = save(tmp_path / "runs" / "sw" / "round-4" / "model.pt", ("|", "a", "b", "c"), layers=2)
    state = read_checkpoint(am)
    state["model"]["encoder.output.bias"][1:4] = -100.0  # special symbols, which no trained model says
    torch.save(state, am)
    export_onnx(am, tmp_path / "models" / "sw")
    data = make_folder(tmp_path / "data", {"test": ["cab cab"]}, labels=False)
    (data / "audio" / "test" / "0.flac").rename(tmp_path / "talk.wav")
    monkeypatch.chdir(tmp_path)
    done = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert done.attempted > 8
    assert not done.failed
