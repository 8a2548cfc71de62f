"""Calibration on cases whose values are known: counted by hand, perfect, and useless confidences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.calibration import (
    JudgedWords,
    by_utterance,
    calibrate,
    cross_fitted,
    judge_words,
    measure_reliability,
    reliability_curve,
)
from xlpl_plugin.evaluation.plots import draw_reliability
from xlpl_plugin.evaluation.texts import References, System

PNG = b"\x89PNG\r\n\x1a\n"


def judged(confidence: list[float] | np.ndarray, right: list[int] | np.ndarray, words: int = 5) -> JudgedWords:
    """Utterances of ``words`` words each."""
    return JudgedWords(
        np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=bool), np.arange(len(confidence)) // words
    )


def references(texts: dict[str, str]) -> References:
    return References(Path("truth"), "test", texts, None)


def system(texts: dict[str, str], confidences: dict[str, tuple[float, ...]]) -> System:
    return System("mine", "native", texts, Path("labels.jsonl"), confidences)


def test_words_without_confidences_are_refused() -> None:
    with pytest.raises(XlplError, match=r"labels\.jsonl: 'b' of 'mine' has 2 words and 1 confidences"):
        judge_words(system({"a": "x", "b": "x y"}, {"a": (0.5,), "b": (0.5,)}), references({"a": "x", "b": "x"}))


def test_one_utterance_cannot_be_calibrated() -> None:
    with pytest.raises(XlplError, match="fewer than two utterances"):
        measure_reliability(system({"a": "x", "b": ""}, {"a": (0.5,)}), references({"a": "x", "b": "y"}))


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="no confidences"):
        draw_reliability(tmp_path / "plot.png", [])


def test_right_words_are_those_of_the_alignment() -> None:
    texts = {"a": "uno tre due", "b": "", "c": "x y"}
    truth = {"a": "uno due due", "b": "zero", "c": "y"}
    found = judge_words(system(texts, {"a": (0.1, 0.2, 0.3), "c": (0.4, 0.5)}), references(truth))
    assert found.confidence.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert found.right.tolist() == [True, False, True, False, True]
    assert found.utterance.tolist() == [0, 0, 0, 2, 2]


def test_utterances_have_the_mean_of_their_words() -> None:
    found = by_utterance(JudgedWords(np.array([0.2, 0.6, 0.9]), np.array([True, False, True]), np.array([3, 3, 8])))
    assert found.confidence.tolist() == pytest.approx([0.4, 0.4, 0.9])
    assert found.right.tolist() == [True, False, True]


def test_calibration_error_by_hand() -> None:
    # 0.1 to 0.2: mean 0.15, none of 2 right; 0.9 to 1: mean 0.95, 3 of 4 right
    confidence = np.array([0.12, 0.18, 0.9, 0.95, 0.95, 1.0])
    right = np.array([False, False, True, True, False, True])
    curve = reliability_curve(confidence, right)
    assert [(b.low, b.high, b.count) for b in curve.bins] == [(0.1, 0.2, 2), (0.9, 1.0, 4)]
    assert [b.right for b in curve.bins] == [0.0, 0.75]
    assert curve.error == pytest.approx((2 * 0.15 + 4 * 0.20) / 6)


def test_ranking_by_hand() -> None:
    # of the 4 pairs of a right and a wrong word 3 are in order; precision at the right ones is 1 and 2 of 3
    found = calibrate(judged([0.9, 0.7, 0.5, 0.1], [1, 0, 1, 0], words=2))
    assert found.auc == pytest.approx(3 / 4)
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("right", [0, 1])
def test_words_of_one_kind_have_no_ranking(right: int) -> None:
    found = calibrate(judged([0.2, 0.8, 0.4, 0.6], [right] * 4, words=2))
    assert found.auc is None
    assert found.average_precision is None
    assert found.calibrated.error == 0.0


def test_useless_confidences_are_calibrated_to_the_share_that_is_right() -> None:
    generator = np.random.default_rng(1)
    right = generator.random(4000) < 0.3
    found = calibrate(judged(generator.random(4000), right))
    assert found.auc == pytest.approx(0.5, abs=0.03)
    assert found.raw.error == pytest.approx(0.29, abs=0.03)
    assert found.calibrated.error < 0.03
    assert {b.low for b in found.calibrated.bins} <= {0.2, 0.3}


def test_calibration_undoes_a_distortion_and_keeps_the_order() -> None:
    generator = np.random.default_rng(2)
    truth = generator.random(4000)
    right = generator.random(4000) < truth
    distorted = truth**3 / (truth**3 + 8 * (1 - truth) ** 3)  # log-odds times 3, less log 8: what Platt can undo
    found = calibrate(judged(distorted, right))
    assert found.raw.error > 0.15
    assert found.calibrated.error < 0.03


def test_perfect_confidences_stay_perfect() -> None:
    right = np.arange(200) % 3 > 0
    found = calibrate(judged(right.astype(float), right))
    assert (found.auc, found.raw.error) == (1.0, 0.0)
    assert found.calibrated.error < 0.01


def test_no_utterance_is_calibrated_by_itself() -> None:
    """With two utterances each curve is fitted on the other, so a word's own outcome never reaches its confidence."""
    generator = np.random.default_rng(3)
    confidence, right = generator.random(40), generator.random(40) < 0.5
    before = cross_fitted(judged(confidence, right, words=20))
    turned = right.copy()
    turned[:20] = ~turned[:20]
    after = cross_fitted(judged(confidence, turned, words=20))
    assert np.array_equal(before[:20], after[:20])
    assert not np.allclose(before[20:], after[20:])


def test_plot_is_a_picture_of_every_system(tmp_path: Path) -> None:
    truth = {f"u{i}": "a b" for i in range(20)}
    texts = {key: "a b" if i % 3 else "a c" for i, key in enumerate(truth)}
    found = measure_reliability(system(texts, dict.fromkeys(truth, (0.9, 0.4))), references(truth))
    heights = []
    for systems in (1, 2):
        file = tmp_path / f"{systems}.png"
        draw_reliability(file, [found] * systems)
        content = file.read_bytes()
        assert content.startswith(PNG)
        heights.append(int.from_bytes(content[20:24], "big"))
    assert heights[1] == 2 * heights[0]
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".png"] == []
