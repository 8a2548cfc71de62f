"""What every CTC model of fairseq gives, ours and ``wav2vec_ctc`` alike, in one form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def log_probs_and_frames(model: Any, net_input: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Run a model on a batch.

    Returns:
        (T, B, C) float32 natural log-probabilities, and (B,) the own frames of each utterance.
    """
    output = model(**net_input)
    log_probs: Tensor = model.get_normalized_probs(output, log_probs=True).float()
    padding = output["padding_mask"]
    if padding is None:
        return log_probs, torch.full((log_probs.shape[1],), log_probs.shape[0], device=log_probs.device)
    return log_probs, (~padding).sum(dim=-1)
