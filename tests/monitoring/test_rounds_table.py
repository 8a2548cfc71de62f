"""Signals of rounds as a table."""

from __future__ import annotations

from dataclasses import replace

from support.healthy import HEALTHY

from xlpl_plugin.monitoring.rounds_table import rounds_table
from xlpl_plugin.monitoring.signals import DecoderWeights, Measurement

WEIGHTS = DecoderWeights(lm_weight=2.0, word_score=-1.0, blank_penalty=0.5, beam=50)


def test_a_column_a_round_and_no_row_that_all_leave_empty() -> None:
    first = Measurement("round-0", WEIGHTS, HEALTHY, ())
    changed = Measurement("round-1", replace(WEIGHTS, lm_weight=3.25), replace(HEALTHY, change=0.125), ())
    table = rounds_table([first, changed])
    title, _, *rows = table.splitlines()
    assert title.split() == ["round", "0", "round", "1"]
    cells = [row.split() for row in rows]
    assert cells[0] == ["LM", "weight", "2.00", "3.25"]
    assert ["changed", "%", "12.5"] in cells
    assert ["agreement", "%", "80.0", "80.0"] in cells
    assert "evidence" not in table
