"""A run over an encoder that fairseq pre-trained: fine-tuned source AM, students, continuous phase; real and tiny."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.huggingface_folder import write_model
from support.tiny_run import ROOT

from xlpl_plugin.cli import xlpl
from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.models.checkpoint import read_checkpoint
from xlpl_plugin.models.huggingface.importing import import_huggingface
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import CONTINUOUS, Stage

pytestmark = pytest.mark.slow

STAGES = [Stage.round(0), Stage.round(1), CONTINUOUS]


def test_from_a_pretrained_encoder_to_scores_of_the_target(ssl_run: Path) -> None:
    layout = RunLayout(ssl_run / "run")
    measured = [Measurement.read(layout.signals(stage)) for stage in STAGES]
    assert [Stage.parse(entry.stage) for entry in measured] == STAGES
    assert all((layout.tuning(stage) / "tune.json").exists() for stage in STAGES)
    result = Result.read(layout.result)
    assert result.finished
    assert result.continuous is not None
    scores = ScoreTable.read(layout.run / "score.json").rows
    # each letter is one tone: a model that heard nothing has a CER of 1
    assert max(row.cer.value for row in scores if row.system.endswith("LM")) < 0.5


def test_students_are_built_from_the_source_model_with_options_of_their_own(ssl_run: Path) -> None:
    masks = {}
    for stage in ("source", "round-1", "continuous"):
        options = read_checkpoint(ssl_run / "run" / stage / "model.pt")["cfg"]
        assert str(ssl_run) not in str(options)
        assert options["task"]["normalize"] is True
        encoder = options["model"]["w2v_args"]["model"]
        masks[stage] = (encoder["mask_prob"], encoder["encoder_layerdrop"])
    assert masks == {"source": (0.1, 0.05), "round-1": (0.15, 0.2), "continuous": (0.15, 0.2)}


def test_killed_in_the_students_training_and_in_the_phase_it_ends_the_same(ssl_run: Path, tmp_path: Path) -> None:
    """The encoder's file is gone: the source AM is all that the students need."""
    whole = ssl_run / "run"
    source = shutil.copy(whole / "source" / "model.pt", tmp_path / "am.pt")
    arguments = [f"out={tmp_path}/run", f"source.checkpoint={source}", "source.data=''"]
    for stage in (Stage.round(1), CONTINUOUS):
        kill_after_a_save(ssl_run / "run.yaml", arguments, RunLayout(tmp_path / "run").training(stage) / "train.log")
    assert drive(ssl_run / "run.yaml", arguments).wait() == 0
    for stage in ("round-1", "continuous"):
        for name in ("model.pt", "labels/train/train.ltr", "labels/test/test.ltr"):
            mine, theirs = ((run / stage / name).read_bytes() for run in (tmp_path / "run", whole))
            assert mine == theirs, f"{stage}/{name}"


def kill_after_a_save(config: Path, arguments: list[str], log: Path) -> None:
    """Kill a driver, and its trainer with it, in the midst of a training that has saved a checkpoint."""
    driver = drive(config, arguments)
    while not (log.exists() and "Saved checkpoint" in log.read_text()):
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert "done training" not in log.read_text()


def drive(config: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from xlpl_plugin.cli import main; main()", "iterate", str(config), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_the_run_transcribes(ssl_run: Path) -> None:
    recording = ssl_run / "speech" / "target" / "0.wav"
    done = CliRunner().invoke(xlpl, ["transcribe", str(ssl_run / "run"), str(recording)])
    assert done.exit_code == 0, done.output
    words = {line.split("\t")[0] for line in (ssl_run / "lexicon.txt").read_text().splitlines()}
    assert words & set(done.stdout.split())


def test_an_imported_model_is_a_source_that_needs_no_other_file(ssl_run: Path, tmp_path: Path) -> None:
    vocabulary = {symbol: row for row, symbol in enumerate(["<pad>", "<unk>", "|", *"abcdef"])}
    folder = write_model(tmp_path / "hf", vocabulary=vocabulary, feat_extract_norm="layer", do_stable_layer_norm=True)
    import_huggingface(folder, tmp_path / "am.pt")
    shutil.rmtree(folder)
    arguments = [
        *(f"out={tmp_path}/run", f"source.checkpoint={tmp_path}/am.pt", "source.data=''", "student.max_update=2"),
        *("continuous.enabled=false", "tuning.enabled=false"),
    ]
    assert drive(ssl_run / "run.yaml", arguments).wait() == 0
    model = read_checkpoint(tmp_path / "run" / "round-1" / "model.pt")["cfg"]["model"]
    assert model["w2v_args"]["model"]["encoder_embed_dim"] == 32
