"""A run with nothing faked: tones as speech, fairseq as the trainer, flashlight as the decoder, then scores."""

from __future__ import annotations

from pathlib import Path

import pytest

from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import CONTINUOUS, Stage


@pytest.mark.slow
def test_from_labelled_sources_to_scores_of_the_target(tiny_run: Path) -> None:
    layout = RunLayout(tiny_run)
    stages = [Stage.round(0), Stage.round(1), CONTINUOUS]
    measured = [Measurement.read(layout.signals(stage)) for stage in stages]
    assert [Stage.parse(entry.stage) for entry in measured] == stages
    assert len({entry.signals.utterances for entry in measured}) == 1
    for entry in measured:
        assert entry.signals.label_free
        assert 0 < entry.signals.vocabulary <= 10
    assert [entry.signals.change is None for entry in measured] == [True, False, False]
    assert "units mapped" in (layout.training(Stage.round(1)) / "train.log").read_text()
    assert Result.read(layout.result).finished
    scores = ScoreTable.read(tiny_run / "score.json").rows
    names = ("zero-shot", "round 1", "continuous")
    assert [row.system for row in scores] == [f"{name} {kind}" for name in names for kind in ("greedy", "LM")]
    # each letter is one tone, so even these small models hear most; an untrained one writes nothing (CER 1)
    assert max(row.cer.value for row in scores if row.system.endswith("LM")) < 0.5
