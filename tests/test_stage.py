"""Stages of a run: order, names, and what they are read from."""

from __future__ import annotations

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.stage import CONTINUOUS, SOURCE, Stage


def test_stages_come_in_the_order_of_a_run() -> None:
    rounds = [Stage.round(number) for number in (10, 2, 0)]
    assert sorted([CONTINUOUS, *rounds, SOURCE]) == [SOURCE, *reversed(rounds), CONTINUOUS]


@pytest.mark.parametrize("stage", [SOURCE, CONTINUOUS, Stage.round(0), Stage.round(12)])
def test_every_name_of_a_stage_is_read_back(stage: Stage) -> None:
    assert Stage.parse(stage.folder) == Stage.parse(str(stage)) == stage


@pytest.mark.parametrize("text", ["", "-1", "round", "round--1", "1.5", "last"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(XlplError, match="no stage"):
        Stage.parse(text)
