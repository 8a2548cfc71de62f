"""Masks of fairseq's models follow from NumPy's seed, and differ between draws and rows."""

from __future__ import annotations

import numpy as np
import pytest
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


@pytest.mark.parametrize("length", [40, 64])
def test_spans_that_are_rounded_to_none_or_cover_all_mask_nothing(length: int) -> None:
    """Channels of a small encoder: half of 64 in spans of 64 is no span or one, as the dice fall."""
    np.random.seed(1)
    masks = [seeded_mask_indices((2, 64), None, 0.5, length) for _ in range(60)]
    assert all(mask.shape == (2, 64) and mask.dtype == bool for mask in masks)
    assert {int(mask.any(axis=1).sum()) for mask in masks} == {0, 2}
    assert not any(mask.all(axis=1).any() for mask in masks)


def test_other_errors_of_fairseq_are_not_hidden() -> None:
    with pytest.raises(ValueError, match=r"^$"):
        seeded_mask_indices(SHAPE, **OPTIONS, num_mask_ver=3)
