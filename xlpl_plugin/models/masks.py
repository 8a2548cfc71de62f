"""Masks of wav2vec 2.0 and HuBERT that follow from NumPy's seed: fairseq draws each from the system's entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data.data_utils import compute_mask_indices
from fairseq.models.hubert import hubert
from fairseq.models.wav2vec import wav2vec2

# how fairseq's errors begin where a row would have no span, or nothing but spans
_NOT_MASKED = ("this should never happen", "the entire sequence is masked")


def seeded_mask_indices(
    shape: tuple[int, int], *args: Any, seed: int | None = None, **options: Any
) -> npt.NDArray[np.bool_]:
    """Draw masks as fairseq's ``compute_mask_indices``, seeded by NumPy's global generator where no seed is given.

    Where the spans of a row are rounded to none or would cover all of it, as with the channels of a small encoder,
    nothing is masked: fairseq would end the training.
    """
    if seed is None:
        options |= {"epoch": 0, "indices": torch.arange(shape[0])}
        seed = int(np.random.randint(2**31))
    try:
        masked: npt.NDArray[np.bool_] = compute_mask_indices(shape, *args, seed=seed, **options)
    except ValueError as error:
        if not str(error).startswith(_NOT_MASKED):
            raise
        # for the whole batch, since fairseq masks as much in every row as in the one with least
        masked = np.zeros(shape, dtype=np.bool_)
    return masked


def seed_masks() -> None:
    """Have fairseq's models draw their masks so, in this process, from now on."""
    for module in (hubert, wav2vec2):
        module.compute_mask_indices = seeded_mask_indices
