"""A fairseq user directory: students that learn each word of their labels as hard as it is sure.

The criterion ``word_weighted_ctc`` is ``xlpl_ctc`` whose gradient is multiplied, frame by frame, by the weight of the
word that is spoken there. So unsure words stay in the label and in the audio, and pull less. A training takes it with
common.user_dir=benchmarks/word_weights criterion._name=word_weighted_ctc ++criterion.records=LABELS/labels.jsonl
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.criterions import register_criterion
from omegaconf import MISSING
from torch import Tensor

from xlpl_plugin import registry  # noqa: F401  (task and models are registered by it)
from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.criterions.ctc import Ctc, CtcConfig
from xlpl_plugin.labelling.filtering.unsure_words import kept_labels, word_edges
from xlpl_plugin.labelling.records import LabelRecord

Weights = npt.NDArray[np.float32]


# fairseq makes flags of the fields and needs types, not strings: no ``from __future__ import annotations`` here
@dataclass
class WordWeightedCtcConfig(CtcConfig):
    """Options beside those of ``xlpl_ctc``."""

    records: str = field(default=MISSING, metadata={"help": "labels.jsonl with word_times and word_confidences"})
    least_sure: float = field(default=0.3, metadata={"help": "this share of all words weighs less than 1"})
    # a negative one: its confidence by that of the surest of them
    weight: float = field(default=-1.0, metadata={"help": "what such a word weighs; below 0: by its confidence"})


@register_criterion("word_weighted_ctc", dataclass=WordWeightedCtcConfig)
class WordWeightedCtc(Ctc):
    """CTC whose gradient is scaled by word."""

    def __init__(self, cfg: WordWeightedCtcConfig, task: Any) -> None:
        super().__init__(cfg, task)
        records = list(kept_labels(Path(cfg.records)))
        confidences = np.concatenate([record.word_confidences for record in records])
        surest = float(np.quantile(confidences, cfg.least_sure))
        self._weights = [_weights_over_time(record, surest, cfg.weight) for record in records]

    def outputs(self, model: Any, sample: dict[str, Any]) -> tuple[Tensor, Tensor]:
        log_probs, frames = super().outputs(model, sample)
        if log_probs.requires_grad:
            scale = torch.ones(log_probs.shape[:2])
            for column, (row, count) in enumerate(zip(sample["id"].tolist(), frames.tolist(), strict=True)):
                # rows of the labels' folder, which is task.data, come first; those of task.mix are true transcripts
                if row < len(self._weights):
                    ends, weights = self._weights[row]
                    middles = (np.arange(count) + 0.5) / count
                    scale[:count, column] = torch.from_numpy(weights[np.searchsorted(ends, middles)])
            scale = scale.to(log_probs).unsqueeze(-1)
            log_probs.register_hook(lambda gradient: gradient * scale)
        return log_probs, frames


def _weights_over_time(record: LabelRecord, surest: float, weight: float) -> tuple[Weights, Weights]:
    """Return where each word but the last ends, halfway to the next, as shares of the recording, and all weights."""
    samples = round(record.seconds * SAMPLE_RATE)
    ends = np.asarray(word_edges(samples, record)[1:-1], np.float32) / samples
    sure = np.asarray(record.word_confidences or (1.0,))
    less = sure / max(surest, 1e-9) if weight < 0 else np.full_like(sure, weight)
    return ends, np.where(sure < surest, less, 1.0).astype(np.float32)
