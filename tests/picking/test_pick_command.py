"""`xlpl pick`: from a run's best labels of the train split alone, and back from ELAN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from support.fake_run import measuring

from xlpl_plugin.cli import xlpl
from xlpl_plugin.errors import XlplError
from xlpl_plugin.picking.table import read_table, with_corrections, write_table
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate


@pytest.fixture
def run(project: Path, configure: Callable[..., IterateConfig], fake_run: ModuleType) -> Path:
    """A run whose best round is the second of three; its recordings are noise."""
    for split, count in (("train", 4), ("valid", 2), ("test", 2)):
        for number in range(count):
            file = project / "it" / "audio" / f"{split}{number}.wav"
            file.parent.mkdir(exist_ok=True)
            soundfile.write(file, np.random.default_rng(number).uniform(-0.1, 0.1, 16_000), 16_000)
    scores = (0.9, 0.2, 0.8)
    actions = measuring(label_free=lambda stage: scores[stage.number], held_out=lambda stage: scores[stage.number])
    iterate(configure(), actions=actions)
    return project / "run"


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(xlpl, ["pick", *map(str, words)])


def test_the_best_round_s_train_labels_are_picked_from(run: Path) -> None:
    result = call(run, "--minutes", "0.05")
    assert result.exit_code == 0, result.exception
    assert result.output.splitlines() == [
        "round 1: 4 utterances, 0.1 minutes",
        f"picked 3 utterances, 0.1 minutes: {run}/picked/index.html",
    ]
    rows = read_table(run / "picked" / "table.tsv")
    assert {row.id for row in rows} < {f"train{number}" for number in range(4)}
    labels = (run / "round-1" / "labels" / "train" / "labels.jsonl").read_text()
    assert all(f'"{row.label.split()[0]}"' in labels for row in rows)


def test_a_second_table_holds_what_the_first_left(run: Path, tmp_path: Path) -> None:
    assert call(run, "--minutes", "0.05").exit_code == 0
    rows = read_table(run / "picked" / "table.tsv")
    corrected = tmp_path / "corrected.tsv"
    write_table(corrected, [*rows[:2], *with_corrections(rows[2:], {})])
    assert call(run, "--minutes", "1", "--exclude", corrected, "--out", tmp_path / "all").exit_code == 0
    assert len(read_table(tmp_path / "all" / "table.tsv")) == 4  # nobody had looked at any
    write_table(corrected, [replace(row, transcript="sì") for row in rows])
    result = call(run, "--minutes", "1", "--exclude", corrected, "--out", tmp_path / "rest")
    assert "4 utterances, 0.1 minutes, 3 of them corrected already" in result.output
    assert len(read_table(tmp_path / "rest" / "table.tsv")) == 1


def test_back_from_elan(run: Path) -> None:
    assert call(run, "--minutes", "1", "--random", "--seed", "2").exit_code == 0
    result = call("--read", run / "picked" / "picked.eaf")
    assert result.output == f"0 transcripts in {run}/picked/corrected.tsv\n"
    assert len(read_table(run / "picked" / "corrected.tsv")) == 4


@pytest.mark.parametrize("words", [[], ["run", "--read", "a.eaf"]])
def test_it_is_one_or_the_other(words: list[str]) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert "give either RUN, or --read" in result.output


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, problem in (("gone", "no such file"), ("empty", "no run that has labels")):
        result = call(tmp_path / name)
        assert isinstance(result.exception, XlplError)
        assert problem in str(result.exception)


def test_labels_that_are_gone_and_a_broken_configuration(run: Path) -> None:
    (run / "config.yaml").write_text("target: [1]\n")
    result = call(run)
    assert "its target cannot be read" in str(result.exception)
    (run / "config.yaml").write_text("target: {data: nowhere}\n")
    assert "nowhere/train.tsv: no such file" in str(call(run).exception)
    (run / "round-1" / "labels" / "train" / "labels.jsonl").unlink()
    assert "the labels of round 1" in str(call(run).exception)
    assert not (run / "picked").exists()
