"""The picture of trials."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from xlpl_plugin.decoding import Weights
from xlpl_plugin.tuning.criteria import SampleCounts
from xlpl_plugin.tuning.heatmap import draw_trials
from xlpl_plugin.tuning.weight_search import Trial

OUTCOME = SampleCounts(100, 0, 400, 2000, 2100, 500, 2500, 2600.0, 500, 3000.0)


def trial(weight: float, word_score: float, value: float, refused: str = "") -> Trial:
    return Trial(Weights(weight, word_score, 1.0), value, OUTCOME, refused)


def draw(file: Path, trials: list[Trial], **options: bool) -> np.ndarray:
    draw_trials(file, trials, Weights(2.0, 0.0), title="A title", scale="value", **options)
    assert file.read_bytes().startswith(b"\x89PNG")
    picture: np.ndarray = matplotlib.image.imread(file)
    return picture


def test_lower_is_drawn_brighter(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    places = rng.uniform([0, -4], [6, 4], (60, 2))
    picture = draw(tmp_path / "a.png", [trial(x, y, x) for x, y in places])
    assert picture.shape == (720, 960, 4)
    # yellow is best, violet worst; left and right of the plot's middle
    left, right = picture[200:500, 100:250, :3].mean(axis=(0, 1)), picture[200:500, 650:800, :3].mean(axis=(0, 1))
    assert left[1] > right[1] + 0.3
    again = draw(tmp_path / "b.png", [trial(x, y, x) for x, y in places])
    assert (again == picture).all()


@pytest.mark.parametrize(
    "trials",
    [
        [trial(2, 0, 0.5)],
        [trial(2, 0, 0.5), trial(3, 0, 0.5)],  # no word score was searched, and all are equal
        [trial(2, 0, 0.5, "far off"), trial(3, 1, 0.4, "far off")],
        [trial(2, 0, 0.5), trial(3, 1, 0.4, "far off")],
    ],
)
def test_few_or_refused_trials_are_drawn_too(tmp_path: Path, trials: list[Trial]) -> None:
    assert draw(tmp_path / "tune.png", trials, percent=True).std() > 0.05
