"""Was anything heard? The audio against what is spliced from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.decoding import Hypothesis, LogProbs
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.emissions.stored import Emissions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.tuning.evidence import CLEAR_GAIN, LEAST_GAIN, detects_target
from xlpl_plugin.tuning.permutation_null import splice
from xlpl_plugin.tuning.tune import TuneConfig, read_tuning, tune

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b", "c")


@pytest.fixture
def quick(config: TuneConfig) -> TuneConfig:
    config.search.trials, config.search.local_trials, config.search.beams = 6, 4, []
    config.search.blank_penalty = [0.0, 0.0]
    return config


def _replace_emissions(config: TuneConfig, change: Callable[[LogProbs], LogProbs]) -> None:
    stored = Emissions(config.emissions)
    frames = np.concatenate([change(stored[name]) for name in stored.ids])
    (Path(config.emissions) / "shards/00000.f32").write_bytes(frames.astype("<f4").tobytes())


def _hear(path: str) -> tuple[LogProbs, Hypothesis]:
    """Return log-probs, sure of a CTC path over | a b c and _ (blank), each row marked in a column that is shut."""
    log_probs = np.full((len(path), len(UNITS)), -9.0, np.float32)
    for frame, letter in enumerate(path):
        log_probs[frame, 0 if letter == "_" else UNITS.index(letter)] = -0.01
    return log_probs, GreedyDecoder(UNITS).decode(log_probs)[0]


def test_splicing_keeps_pairs_of_units_and_breaks_words() -> None:
    heard = [_hear(path) for path in ("_ab_ac|_bca|", "__cab|_aca|ba|", "a_a|bcb_b|ab|", "cc_ba|acb|")]
    log_probs, paths = zip(*heard, strict=True)
    spliced = splice(log_probs, paths, seed=3)
    assert len(spliced) == 4
    pairs = Counter(pair for path in paths for pair in pairwise(path.units))
    found = [GreedyDecoder(UNITS).decode(array)[0].units for array in spliced]
    kept = Counter(pair for units in found for pair in pairwise(units))
    assert kept <= pairs
    assert kept.total() > 0.7 * pairs.total()  # the rest lies in rings
    assert set(found) != {path.units for path in paths}
    frames = Counter(row.tobytes() for array in spliced for row in array)
    assert frames <= Counter(row.tobytes() for array in log_probs for row in array)
    again = splice(log_probs, paths, seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(spliced, again, strict=True))


def test_splicing_that_has_no_choice_changes_nothing() -> None:
    heard = [_hear("__a_b_c_|_")]
    [spliced] = splice(*zip(*heard, strict=True), seed=1)
    assert np.array_equal(spliced, heard[0][0])


def test_speech_of_the_target_is_evidence(quick: TuneConfig) -> None:
    evidence = tune(quick).evidence
    assert evidence.error is not None
    assert evidence.gain > 3 * evidence.error
    assert evidence.real.value < evidence.spliced.value
    assert evidence.real.confidence > evidence.spliced.confidence


def test_units_in_no_order_are_none(quick: TuneConfig) -> None:
    speech = tune(quick).evidence
    rng = np.random.default_rng(7)
    _replace_emissions(quick, rng.permutation)
    evidence = tune(quick, force=True).evidence
    assert evidence.error is not None
    assert abs(evidence.gain) < 3 * evidence.error
    assert abs(evidence.gain) < 0.5 * speech.gain


def test_babble_that_the_lm_likes_is_none(quick: TuneConfig) -> None:
    """The model says "ab ab ab" to everything, which is a word: no score but the evidence is against it."""
    speech = tune(quick).evidence

    def babble(log_probs: LogProbs) -> LogProbs:
        units = [UNITS.index("ab|"[frame // 2 % 3]) if frame % 2 == 0 else 0 for frame in range(len(log_probs))]
        rows = np.random.default_rng(len(log_probs)).normal(size=log_probs.shape).astype(np.float32)
        rows[np.arange(len(units)), units] += 4
        rows[:, 1:4] = -20
        return rows - np.logaddexp.reduce(rows, axis=1, keepdims=True)

    _replace_emissions(quick, babble)
    evidence = tune(quick, force=True).evidence
    assert evidence.real.value < speech.real.value
    assert evidence.real.confidence > speech.real.confidence
    assert evidence.gain < 0.3 * speech.gain
    assert evidence.real.top_word_share > 2 * speech.real.top_word_share


def test_it_is_kept_in_the_file(quick: TuneConfig) -> None:
    tuning = tune(quick)
    assert read_tuning(quick.out) == tuning
    replace(tuning, evidence=None).write(Path(quick.out) / "tune.json")  # type: ignore[arg-type]
    with pytest.raises(XlplError, match=r"tune\.json: not the choice of a tuning \(.*evidence"):
        read_tuning(quick.out)


def test_a_single_utterance_has_no_error(quick: TuneConfig) -> None:
    quick.search.sample = 1
    assert tune(quick).evidence.error is None


@pytest.mark.parametrize(
    ("gain", "error", "verdict"),
    [
        (CLEAR_GAIN, 0.05, True),
        (CLEAR_GAIN, None, True),
        (CLEAR_GAIN, CLEAR_GAIN, False),
        (0.9 * CLEAR_GAIN, 0.05, None),
        (0.9 * LEAST_GAIN, 0.01, False),
        (-0.1, None, False),
    ],
)
def test_verdict(gain: float, error: float | None, verdict: bool | None) -> None:
    assert detects_target(gain, error) is verdict
