"""What every CTC model of fairseq gives, ours and ``wav2vec_ctc`` alike, in one form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


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


def log_probs_of_each(model: Any, net_input: dict[str, Any]) -> list[Tensor]:
    """Run a model that is in evaluation mode on a padded batch.

    A group norm over time (wav2vec 2.0 base) sees the padding: there, utterances go through one by one.

    Returns:
        for each utterance its (T', C) float32 natural log-probabilities, which do not depend on the others.
    """
    source, padding = net_input["source"], net_input["padding_mask"]
    if len(source) > 1 and any(isinstance(module, nn.GroupNorm) for module in model.modules()):
        lengths = (~padding).sum(dim=1).tolist()
        alone = [
            {"source": source[i : i + 1, :length], "padding_mask": padding[i : i + 1, :length]}
            for i, length in enumerate(lengths)
        ]
        return [log_probs for own in alone for log_probs in log_probs_of_each(model, own)]
    log_probs, frames = log_probs_and_frames(model, net_input)
    return [log_probs[:count, i] for i, count in enumerate(frames.tolist())]
