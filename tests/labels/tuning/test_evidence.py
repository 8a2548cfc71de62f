"""Was anything heard? The audio forwards against the audio backwards."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels.stored import Emissions
from xlpl_plugin.labels.tuning import TuneConfig, read_evidence, tune


@pytest.fixture
def quick(config: TuneConfig) -> TuneConfig:
    config.search.trials, config.search.local_trials, config.search.beams = 6, 4, []
    config.search.blank_penalty = [0.0, 0.0]
    return config


def _shuffle_frames(config: TuneConfig) -> None:
    """Take the order of the frames away: what is left says how often each unit is heard."""
    stored = Emissions(config.emissions)
    rng = np.random.default_rng(7)
    frames = np.concatenate([rng.permutation(stored[name]) for name in stored.ids])
    (Path(config.emissions) / "shards/00000.f32").write_bytes(frames.astype("<f4").tobytes())


def test_speech_of_the_target_is_evidence(quick: TuneConfig) -> None:
    evidence = tune(quick).evidence
    assert evidence.error is not None
    assert evidence.gain == evidence.backwards.value - evidence.forwards.value
    assert evidence.gain > 3 * evidence.error  # though many words of this lexicon are others of it reversed
    assert evidence.forwards.edits < evidence.backwards.edits
    assert evidence.forwards.nats_per_letter < evidence.backwards.nats_per_letter
    assert evidence.forwards.score > evidence.backwards.score
    assert evidence.forwards.confidence > evidence.backwards.confidence


def test_units_in_no_order_are_none(quick: TuneConfig) -> None:
    ordered = tune(quick).evidence
    _shuffle_frames(quick)
    evidence = tune(quick, force=True).evidence
    assert evidence.error is not None
    assert abs(evidence.gain) < 2 * evidence.error
    assert abs(evidence.gain) < 0.5 * ordered.gain


def test_it_is_kept_in_the_file(quick: TuneConfig) -> None:
    evidence = tune(quick).evidence
    assert read_evidence(quick.out) == evidence
    file = Path(quick.out) / "tune.json"
    content = json.loads(file.read_text())
    assert content["evidence"] == asdict(evidence)
    # what the best trial's outcome says of the same weights is measured alike
    assert math.isclose(evidence.forwards.value, content["trials"][0]["value"], rel_tol=0.2)
    del content["evidence"]["forwards"]
    file.write_text(json.dumps(content))
    with pytest.raises(XlplError, match=r"tune\.json: no evidence in it"):
        read_evidence(quick.out)
    del content["evidence"]
    file.write_text(json.dumps(content))
    assert read_evidence(quick.out) is None


def test_a_single_utterance_has_no_error(quick: TuneConfig) -> None:
    quick.search.sample = 1
    assert tune(quick).evidence.error is None
