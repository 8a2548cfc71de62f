"""What the CTC criterion counts at validation: error rates, blanks and letters of the greedy output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jiwer
import torch
from fairseq.data import Dictionary
from fairseq.data.data_utils import post_process
from fairseq.logging import metrics
from torch import Tensor

Counts = dict[str, Any]
RATES = {"uer": ("_unit_errors", "_units"), "wer": ("_word_errors", "_words"), "blank": ("_blank_frames", "_frames")}

# what the criterion logs at every validation, so that a checkpoint can be chosen by it
METRICS = ("loss", *RATES, "letters", "infeasible", "ntokens", "nsentences")


def greedy_units(best: Tensor, blank: int) -> Tensor:
    """Collapse a (T,) path of best units: repeats are merged, then blanks removed."""
    merged = best.unique_consecutive()
    return merged[merged != blank]


def validation_counts(
    log_probs: Tensor, frames: Tensor, targets: Sequence[Tensor], dictionary: Dictionary, word_form: str, blank: int
) -> Counts:
    """Compare the greedy output with the targets.

    Args:
        log_probs: (T, B, C).
        frames: (B,) own frames of each utterance.
        targets: B tensors of unit indices.
        word_form: how fairseq's ``post_process`` joins units to words ("letter", "sentencepiece", ...).

    Returns:
        Sums that may be added over batches and processes; ``_used`` is a (C,) count of each unit.
    """
    best = log_probs.argmax(dim=-1).T.cpu()
    paths = [path[:length] for path, length in zip(best, frames.tolist(), strict=True)]
    outputs = [greedy_units(path, blank) for path in paths]
    hypotheses = [_units(output, dictionary) for output in outputs]
    references = [_units(target, dictionary) for target in targets]
    unit_errors, units = _errors(references, hypotheses)
    word_errors, words = _errors(
        [post_process(units, word_form) for units in references],
        [post_process(units, word_form) for units in hypotheses],
    )
    return {
        "_unit_errors": unit_errors,
        "_units": units,
        "_word_errors": word_errors,
        "_words": words,
        "_blank_frames": sum(int((path == blank).sum()) for path in paths),
        "_frames": sum(map(len, paths)),
        "_used": torch.bincount(torch.cat(outputs), minlength=len(dictionary)),
    }


def log_validation(outputs: Sequence[Counts], num_special: int) -> None:
    """Log ``uer``, ``wer`` and ``blank`` in percent, and ``letters``, the number of different units in the output."""
    for key in ("_used", *(name for pair in RATES.values() for name in pair)):
        metrics.log_scalar_sum(key, sum(output[key] for output in outputs))
    for rate, (part, whole) in RATES.items():
        metrics.log_derived(rate, _percentage(part, whole))
    metrics.log_derived("letters", lambda meters: int((meters["_used"].sum[num_special:] > 0).sum()))


def _units(indices: Tensor, dictionary: Dictionary) -> str:
    return " ".join(dictionary[index] for index in indices.tolist())


def _errors(references: list[str], hypotheses: list[str]) -> tuple[int, int]:
    """Errors and length of the references, in words between spaces."""
    counts = jiwer.process_words(references, hypotheses)
    length = counts.hits + counts.substitutions + counts.deletions
    return counts.substitutions + counts.deletions + counts.insertions, length


def _percentage(part: str, whole: str) -> Callable[[Any], float]:
    def rate(meters: Any) -> float:
        total = float(meters[whole].sum)
        return round(100.0 * float(meters[part].sum) / total, 3) if total else float("nan")

    return rate
