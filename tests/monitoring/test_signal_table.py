"""Signals of rounds as a table, and what their trainings and tunings add to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_json
from xlpl_plugin.monitoring.complete import complete_signals
from xlpl_plugin.monitoring.signal_table import signal_table
from xlpl_plugin.monitoring.signals import Signals

HEALTHY = Signals(
    utterances=100,
    blank_share=0.5,
    empty_share=0.0,
    kept_share=1.0,
    letters_per_second=12.0,
    greedy_letters_per_second=12.0,
    vocabulary=700,
    top_word_share=0.05,
    agreement=0.8,
    confidence=0.7,
)
WEIGHTS = {"lm_weight": 2.0, "word_score": -1.0, "blank_penalty": 0.5}


def test_a_column_a_round_and_no_row_that_all_leave_empty() -> None:
    table = signal_table([HEALTHY, replace(HEALTHY, change=0.125)], [WEIGHTS, {**WEIGHTS, "lm_weight": 3.25}])
    title, _, *rows = table.splitlines()
    assert title.split() == ["round", "0", "round", "1"]
    cells = [row.split() for row in rows]
    assert cells[0] == ["LM", "weight", "2.00", "3.25"]
    assert ["changed", "%", "12.5"] in cells
    assert ["agreement", "%", "80.0", "80.0"] in cells
    assert "evidence" not in table


def test_losses_of_the_last_update_and_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        '[train_inner][INFO] - {"epoch": 1, "loss": "3.5", "num_updates": "20"}\n'
        '[valid][INFO] - {"epoch": 1, "valid_loss": "2.5", "valid_uer": "40.0", "valid_num_updates": "20"}\n'
        '[train_inner][INFO] - {"epoch": 1, "loss": "1.5", "num_updates": "40"}\n'
        '[valid][INFO] - {"epoch": 1, "valid_loss": "0.5", "valid_uer": "12.5", "valid_num_updates": "40"}\n'
    )
    found = SimpleNamespace(gain=0.25, error=0.02)
    monkeypatch.setattr("xlpl_plugin.monitoring.complete.read_evidence", {tmp_path: found}.get)
    signals = complete_signals(HEALTHY, log=log, tuning=tmp_path)
    assert (signals.train_loss, signals.valid_loss, signals.valid_uer) == (1.5, 0.5, 0.125)
    assert (signals.evidence, signals.evidence_error) == (0.25, 0.02)
    assert complete_signals(HEALTHY) == HEALTHY


def test_what_is_not_told_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("nothing of use\n")
    write_json(tmp_path / "tune.json", {"best": {}})  # by a version without evidence
    assert complete_signals(HEALTHY, log=tmp_path / "train.log", tuning=tmp_path) == HEALTHY
    with pytest.raises(XlplError, match="no such file"):
        complete_signals(HEALTHY, log=tmp_path / "no.log")
