"""Masks of fairseq's models follow from NumPy's seed, and differ between draws and rows."""

from __future__ import annotations

import numpy as np
from fairseq.data.data_utils import compute_mask_indices

from xlpl_plugin.models.masks import seeded_mask_indices

SHAPE, OPTIONS = (2, 200), {"padding_mask": None, "mask_prob": 0.5, "mask_length": 10}


def test_the_same_seed_gives_the_same_masks() -> None:
    def draw() -> list[np.ndarray]:
        np.random.seed(1)
        return [seeded_mask_indices(SHAPE, **OPTIONS) for _ in range(2)]

    first, second = draw()
    assert all(map(np.array_equal, draw(), (first, second)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])
    assert 0.2 < first.mean() < 0.6


def test_a_seed_of_the_callers_is_obeyed() -> None:
    own = {**OPTIONS, "seed": 3, "epoch": 1, "indices": np.arange(2)}
    assert np.array_equal(seeded_mask_indices(SHAPE, **own), compute_mask_indices(SHAPE, **own))
