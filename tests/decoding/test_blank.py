"""The blank penalty and the length that an acoustic model expects, against sums over all paths."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.decoding import DecoderConfig, build_decoder
from xlpl_plugin.decoding.blank import expected_units, penalize_blank, penalty_for_length
from xlpl_plugin.decoding.hypothesis import LogProbs

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")


def emissions(frames: int, seed: int = 0, blank: float = 0.0) -> LogProbs:
    logits = np.random.default_rng(seed).normal(size=(frames, len(UNITS))) * 2
    logits[:, 1:4] = -50.0
    logits[:, 0] += blank
    return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_expected_units_is_the_mean_length_over_all_paths(seed: int) -> None:
    log_probs = emissions(5, seed)
    total = 0.0
    for path in itertools.product(range(len(UNITS)), repeat=5):
        probability = float(np.exp(sum(log_probs[frame, unit] for frame, unit in enumerate(path))))
        collapsed = [unit for unit, _ in itertools.groupby(path) if unit != 0]
        total += probability * len(collapsed)
    assert expected_units(log_probs) == pytest.approx(total, abs=1e-4)


def test_the_penalty_divides_the_odds_of_the_blank() -> None:
    before, after = emissions(7), penalize_blank(emissions(7), 1.5)
    odds = [np.exp(p[:, 0]) / (1 - np.exp(p[:, 0])) for p in (before, after)]
    np.testing.assert_allclose(odds[0] / odds[1], np.exp(1.5), rtol=1e-3)
    np.testing.assert_allclose(np.exp(after).sum(axis=1), 1.0, rtol=1e-5)
    # what is left is shared out as before
    np.testing.assert_allclose(before[:, 5] - before[:, 6], after[:, 5] - after[:, 6], atol=1e-5)
    assert penalize_blank(before, 0.0) is before


def test_greedy_output_grows_with_the_penalty_until_it_is_long_enough() -> None:
    log_probs = emissions(200, blank=4.0)

    def length(penalty: float) -> float:
        [best] = build_decoder(DecoderConfig(blank_penalty=penalty), UNITS).decode(log_probs)
        return len(best.units)

    wanted = length(2.0)
    assert wanted > length(0.0)
    penalty = penalty_for_length(length, wanted, 0.0, 4.0)
    assert 0 < penalty <= 2.0
    assert length(penalty) >= wanted
    assert length(penalty - 0.05) < wanted


def test_no_penalty_where_the_output_is_long_enough_and_the_highest_where_nothing_helps() -> None:
    assert penalty_for_length(lambda _: 10.0, 10.0, 0.0, 4.0) == 0.0
    assert penalty_for_length(lambda _: 10.0, 11.0, 0.0, 4.0) == pytest.approx(4.0)


def test_the_penalty_is_the_beam_search_s_too(tmp_path: Path) -> None:
    lexicon = tmp_path / "lexicon.txt"
    lexicon.write_text("a\ta |\nb\tb |\nab\ta b |\n", encoding="utf-8")
    log_probs = emissions(40, blank=5.0)
    words = {}
    for penalty in (0.0, 5.0):
        config = DecoderConfig(lexicon=str(lexicon), blank_penalty=penalty, beam_token=7)
        words[penalty] = build_decoder(config, UNITS).decode(log_probs)[0].words
    assert len(words[5.0]) > len(words[0.0])
