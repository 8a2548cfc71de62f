"""What a path stands for: runs and checkpoints, and what is neither."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.transcribing.opening import Parts, find_parts
from xlpl_plugin.tuning.tune import read_tuning

# the run that they share takes a minute to make
pytestmark = pytest.mark.slow


def copied(run: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("config.yaml", "result.json"):
        shutil.copy(run / name, to / name)
    return to


def test_a_run_is_its_best_model_with_the_weights_tuned_for_it(tiny_run: Path) -> None:
    result, parts = Result.read(tiny_run / "result.json"), find_parts(tiny_run)
    assert parts.am == tiny_run / result.model
    tuned = read_tuning(RunLayout(tiny_run).tuning(result.best_stage))
    assert parts.decoder == tuned.apply(parts.decoder)
    assert Path(parts.decoder.lexicon).name == "lexicon.txt"
    assert Path(parts.decoder.lm).exists()


def test_the_source_model_that_a_run_was_given(tiny_run: Path, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "run")
    given = tiny_run / "source" / "model.pt"
    replace(Result.read(run / "result.json"), model=str(given)).write(run / "result.json")
    assert find_parts(run).am == given


def test_a_file_is_a_checkpoint(tiny_run: Path) -> None:
    model = tiny_run / "source" / "model.pt"
    assert find_parts(model) == Parts(model, DecoderConfig())


def test_neither(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="neither a run, a bundle nor a checkpoint"):
        find_parts(tmp_path)
    with pytest.raises(XlplError, match="no such file"):
        find_parts(tmp_path / "gone")


def test_a_run_that_has_no_model(tiny_run: Path, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "run")
    with pytest.raises(XlplError, match=r"model.pt(.|\n)*result.json names"):
        find_parts(run)
    (run / "result.json").unlink()
    with pytest.raises(XlplError, match="the run has no model yet"):
        find_parts(run)


@pytest.mark.parametrize("content", ["decoder: {beams: 3}", "decoder: {beam: many}", "decoder: [", "[1]"])
def test_a_configuration_without_a_decoder(content: str, tiny_run: Path, tmp_path: Path) -> None:
    run = copied(tiny_run, tmp_path / "run")
    model = Path(Result.read(run / "result.json").model)
    (run / model).parent.mkdir()
    shutil.copy(tiny_run / model, run / model)
    (run / "config.yaml").write_text(content)
    with pytest.raises(XlplError, match=r"config\.yaml: its decoder cannot be read"):
        find_parts(run)
