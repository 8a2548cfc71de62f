"""A fairseq user directory: students that learn each word of their labels as hard as it is sure.

The criterion ``word_weighted_ctc`` is ``xlpl_ctc`` whose gradient is multiplied, frame by frame, by the weight of the
word that is spoken there. So unsure words stay in the label and in the audio, and pull less. A training takes it with
common.user_dir=benchmarks/word_weights criterion._name=word_weighted_ctc ++criterion.records=LABELS/labels.jsonl
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.criterions import register_criterion
from torch import Tensor

from xlpl_plugin import registry  # noqa: F401  (task and models are registered by it)
from xlpl_plugin.criterions.ctc import Ctc, CtcConfig
from xlpl_plugin.labelling.records import LabelRecord, iter_labels

Weights = npt.NDArray[np.float32]
# no end before the last, and the one weight
SURE: tuple[Weights, Weights] = (np.empty(0, np.float32), np.ones(1, np.float32))


# fairseq makes flags of the fields and needs types, not strings: no ``from __future__ import annotations`` here
@dataclass
class WordWeightedCtcConfig(CtcConfig):
    """Options beside those of ``xlpl_ctc``."""

    records: str = field(default="", metadata={"help": "labels.jsonl with word_times and word_confidences"})
    least_sure: float = field(default=0.3, metadata={"help": "this share of all words weighs less than 1"})
    # a negative one: its confidence by that of the surest of them
    weight: float = field(default=-1.0, metadata={"help": "what such a word weighs; below 0: by its confidence"})


@register_criterion("word_weighted_ctc", dataclass=WordWeightedCtcConfig)
class WordWeightedCtc(Ctc):
    """CTC whose gradient is scaled by word."""

    def __init__(self, cfg: WordWeightedCtcConfig, task: Any) -> None:
        super().__init__(cfg, task)
        records = [record for record in iter_labels(Path(cfg.records)) if record.kept]
        confidences = np.concatenate([record.word_confidences for record in records])
        surest = float(np.quantile(confidences, cfg.least_sure))
        self._weights = [_weights_over_time(record, surest, cfg.weight) for record in records]

    def forward(self, model: Any, sample: dict[str, Any], reduce: bool = True) -> tuple[Tensor, int, dict[str, Any]]:
        if model.training:
            # rows of the labels' folder, which is task.data, come first; those of task.mix are true transcripts
            rows = [self._weights[i] if i < len(self._weights) else SURE for i in sample["id"].tolist()]
            model = _Weighted(model, rows)
        return super().forward(model, sample, reduce)


def _weights_over_time(record: LabelRecord, surest: float, weight: float) -> tuple[Weights, Weights]:
    """Return where each word but the last ends, halfway to the next, as shares of the recording, and all weights."""
    ends = [(before[1] + after[0]) / 2 / record.seconds for before, after in pairwise(record.word_times)]
    sure = np.asarray(record.word_confidences or (1.0,))
    less = sure / max(surest, 1e-9) if weight < 0 else np.full_like(sure, weight)
    return np.asarray(ends, np.float32), np.where(sure < surest, less, 1.0).astype(np.float32)


class _Weighted:
    """A model whose log-probs give back less of the gradient where words are unsure."""

    training = True

    def __init__(self, model: Any, weights: list[tuple[Weights, Weights]]) -> None:
        self._model, self._weights = model, weights

    def __call__(self, **net_input: Any) -> Any:
        return self._model(**net_input)

    def get_normalized_probs(self, output: Any, log_probs: bool) -> Tensor:
        normalized: Tensor = self._model.get_normalized_probs(output, log_probs=log_probs)
        scale = torch.ones(normalized.shape[:2])
        frames = (~output["padding_mask"]).sum(dim=-1).tolist()
        for row, ((ends, weights), count) in enumerate(zip(self._weights, frames, strict=True)):
            middles = (np.arange(count) + 0.5) / count
            scale[:count, row] = torch.from_numpy(weights[np.searchsorted(ends, middles)])
        scale = scale.to(normalized).unsqueeze(-1)
        normalized.register_hook(lambda gradient: gradient * scale)
        return normalized
