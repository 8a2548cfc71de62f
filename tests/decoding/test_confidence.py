"""Confidences by hand-computed values and by what they must not depend on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.decoding import DecoderConfig, build_decoder
from xlpl_plugin.decoding.confidence import utterance_confidence, word_confidences

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
BLANK, BAR, A, B = 0, 4, 5, 6


def log_probs(*taken: tuple[int, float]) -> np.ndarray:
    """Frames that give a unit this probability, and the others the rest in equal parts."""
    probs = np.stack([np.full(len(UNITS), (1 - p) / (len(UNITS) - 1)) for _, p in taken])
    for frame, (unit, p) in enumerate(taken):
        probs[frame, unit] = p
    return np.log(probs).astype(np.float32)


def test_no_words_no_confidence() -> None:
    assert word_confidences(log_probs((BLANK, 0.9)), [BLANK], ()) == ()
    assert utterance_confidence(()) == 0.0


def test_a_word_alone_is_the_geometric_mean_over_its_units() -> None:
    # two frames of one letter, a blank, the boundary: two units; the frame before the word is nobody's
    frames = [(BLANK, 0.2), (A, 0.5), (A, 0.8), (BLANK, 0.9), (BAR, 0.6)]
    path = [unit for unit, _ in frames]
    (alone,) = word_confidences(log_probs(*frames), path, [(1, 3)])
    assert alone == pytest.approx(math.sqrt(0.5 * 0.8 * 0.9 * 0.6), abs=1e-6)
    (known,) = word_confidences(log_probs(*frames), path, [(1, 3)], [-2.0])
    assert known == pytest.approx(math.sqrt(0.5 * 0.8 * 0.9 * 0.6 * 0.01), abs=1e-6)


def test_words_share_four_units_of_their_mean() -> None:
    # words of 2 and 3 units, and of probabilities 0.4 and 0.1
    frames = [(A, 0.4), (BAR, 1 - 1e-9), (B, 0.5), (A, 0.2), (BAR, 1 - 1e-9)]
    first, second = word_confidences(log_probs(*frames), [unit for unit, _ in frames], [(0, 1), (2, 4)])
    mean = (math.log(0.4) + math.log(0.1)) / 5
    assert first == pytest.approx(math.exp((math.log(0.4) + 4 * mean) / 6), abs=1e-6)
    assert second == pytest.approx(math.exp((math.log(0.1) + 4 * mean) / 7), abs=1e-6)


def test_an_unlikely_word_lowers_its_own_confidence_most() -> None:
    frames = [(A, 0.6), (BAR, 0.9), (A, 0.6), (BAR, 0.9)]
    path = [unit for unit, _ in frames]
    even = word_confidences(log_probs(*frames), path, [(0, 1), (2, 3)], [-1.0, -1.0])
    assert even[0] == pytest.approx(even[1])
    likely, unlikely = word_confidences(log_probs(*frames), path, [(0, 1), (2, 3)], [-1.0, -3.0])
    assert unlikely < likely < even[0]


@given(
    st.lists(st.tuples(st.sampled_from([BLANK, BAR, A, B]), st.floats(0.01, 0.999)), min_size=2, max_size=12), st.data()
)
def test_confidences_are_between_0_and_1(frames: list[tuple[int, float]], data: st.DataObject) -> None:
    path = [unit for unit, _ in frames]
    letters = [
        f for f, unit in enumerate(path) if unit in (A, B) and (f == 0 or path[f - 1] != unit)
    ]  # each new letter a word
    scores = data.draw(st.lists(st.floats(-9, 0), min_size=len(letters), max_size=len(letters)))
    found = word_confidences(log_probs(*frames), path, [(f, f + 1) for f in letters], scores)
    assert len(found) == len(letters)
    assert all(0 <= confidence <= 1 for confidence in found)
    assert 0 <= utterance_confidence(found) <= 1


def test_decoders_are_surer_of_clear_words() -> None:
    clear, unclear = (log_probs((A, p), (BAR, p), (B, p), (BAR, p)) for p in (0.95, 0.5))
    decoder = build_decoder(DecoderConfig(), UNITS)
    (sure,), (unsure,) = decoder.decode(clear), decoder.decode(unclear)
    assert sure.words == unsure.words == ("a", "b")
    assert min(sure.confidences) > max(unsure.confidences)
    assert sure.confidences == pytest.approx((0.95, 0.95), abs=1e-6)


# every token has the same probability wherever it stands
ARPA = """\\data\\
ngram 1=6
ngram 2=1

\\1-grams:
-4\t<unk>
-99\t<s>\t0
-1\t</s>
-0.5\ta\t0
-2\tb\t0
-0.25\t|\t0

\\2-grams:
-0.5\t<s> a

\\end\\
"""


@pytest.mark.parametrize(("spelled_out", "lm_scores"), [(False, [-0.5, -2.0]), (True, [-0.75, -2.25])])
def test_beam_search_counts_what_the_lm_says_of_each_word(
    tmp_path: Path, spelled_out: bool, lm_scores: list[float]
) -> None:
    (tmp_path / "lm.arpa").write_text(ARPA)
    (tmp_path / "lexicon.txt").write_text("a\ta |\nb\tb |\n")
    frames = [(A, 0.9), (BAR, 0.8), (B, 0.9), (BAR, 0.9)]
    lexicon = "" if spelled_out else str(tmp_path / "lexicon.txt")
    decoder = build_decoder(DecoderConfig(lexicon=lexicon, lm=str(tmp_path / "lm.arpa"), lm_weight=0.1), UNITS)
    (found,) = decoder.decode(log_probs(*frames))
    assert found.words == ("a", "b")
    expected = word_confidences(log_probs(*frames), [unit for unit, _ in frames], [(0, 1), (2, 3)], lm_scores)
    assert found.confidences == pytest.approx(expected, abs=1e-6)
