"""The registered criterion ``xlpl_ctc``: CTC in float32, with a weight for each utterance."""

import logging
import math
from dataclasses import dataclass, field
from typing import Any, Optional

import torch
from fairseq import utils
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from fairseq.logging import metrics
from omegaconf import II
from torch import Tensor
from torch.nn import functional

from xlpl_plugin.criterions.meters import METRICS, log_validation, validation_counts
from xlpl_plugin.data.units import SPECIAL_SYMBOLS
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.outputs import log_probs_and_frames
from xlpl_plugin.models.precision import warn_of_emulation

logger = logging.getLogger(__name__)


# fairseq makes flags of the fields and needs types, not strings: no ``from __future__ import annotations`` here
@dataclass
class CtcConfig(FairseqDataclass):
    """Options of ``xlpl_ctc``."""

    # the gradient is divided by the batch's utterances (true) or by its units (false)
    sentence_avg: bool = II("optimization.sentence_avg")
    # how units make words in the word error rate of validation; fairseq-validate, whose own flag has this name and no
    # default, gives None
    post_process: Optional[str] = field(  # noqa: UP045 (fairseq makes a flag of it, and knows no other form)
        default="letter", metadata={"help": "units to words at validation: letter, sentencepiece, ..."}
    )
    # 0.5 together with sentence_avg is the loss of slimIPL
    length_power: float = field(
        default=0.0, metadata={"help": "divide each utterance's loss by (its number of units) to this power"}
    )
    # keys of fairseq's own criterion ctc, so that its configurations move over by name; see _check
    zero_infinity: Optional[bool] = None  # noqa: UP045
    wer_kenlm_model: Optional[str] = None  # noqa: UP045
    wer_lexicon: Optional[str] = None  # noqa: UP045
    wer_args: Optional[str] = None  # noqa: UP045
    # without wer_kenlm_model they say nothing there either
    wer_lm_weight: Optional[float] = None  # noqa: UP045
    wer_word_score: Optional[float] = None  # noqa: UP045
    wer_sil_weight: Optional[float] = None  # noqa: UP045


@register_criterion("xlpl_ctc", dataclass=CtcConfig)
class Ctc(FairseqCriterion):
    """CTC for any model that gives ``encoder_out`` (T, B, C) and ``padding_mask`` (B, T).

    Utterances with fewer frames than CTC needs add nothing to the loss or to its denominator, and are
    counted as ``infeasible``. Weights scale the loss but not the denominator: an utterance of weight 0.5
    pulls half as hard, whatever stands beside it in the batch.
    """

    metrics_of_validation = METRICS

    def __init__(self, cfg: CtcConfig, task: Any) -> None:
        super().__init__(task)
        _check(cfg)
        self.cfg = cfg
        self._post_process = cfg.post_process or "letter"
        self.dictionary = task.target_dictionary
        self.blank = self.dictionary.index(task.blank_symbol)
        self._feasibility = _Feasibility()

    def forward(self, model: Any, sample: dict[str, Any], reduce: bool = True) -> tuple[Tensor, int, dict[str, Any]]:
        """Return the summed loss, its denominator and the counts to log.

        Raises:
            XlplError: the sample has no labels.
        """
        if sample.get("target") is None:
            raise XlplError("the split has no labels", expected="a .ltr file beside the .tsv")
        log_probs, frames = self.outputs(model, sample)
        if sample["weights"].dtype is torch.bfloat16:  # as fairseq makes all of a batch with common.bf16
            warn_of_emulation(log_probs.device.type)
        targets, lengths = sample["target"], sample["target_lengths"]
        feasible = frames >= required_frames(targets, lengths)
        with torch.autocast(log_probs.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):
            losses = functional.ctc_loss(
                log_probs, targets, frames, lengths, blank=self.blank, reduction="none", zero_infinity=True
            )
        losses = losses * feasible * sample["weights"].float() / lengths.clamp(min=1) ** self.cfg.length_power
        loss = losses.sum()
        sentences, units = int(feasible.sum()), int((lengths * feasible).sum())
        self._feasibility.add(len(lengths), sentences, training=model.training)
        sample_size = sentences if self.cfg.sentence_avg else units
        counts = {
            "loss": loss.detach(),
            "ntokens": units,
            "nsentences": len(lengths),
            "sample_size": sample_size,
            "infeasible": len(lengths) - sentences,
        }
        if not model.training:
            rows = [row[:length] for row, length in zip(targets, lengths.tolist(), strict=True)]
            counts |= validation_counts(log_probs, frames, rows, self.dictionary, self._post_process, self.blank)
        return loss, sample_size, counts

    def outputs(self, model: Any, sample: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Return (T, B, C) log-probs and (B,) frames, which the loss is of."""
        return log_probs_and_frames(model, sample["net_input"])

    @staticmethod
    def reduce_metrics(logging_outputs: list[dict[str, Any]]) -> None:
        """Log sums over batches and processes."""

        def total(key: str) -> Any:
            return utils.item(sum(output.get(key, 0) for output in logging_outputs))

        sample_size = total("sample_size")
        metrics.log_scalar("loss", total("loss") / max(sample_size, 1) / math.log(2), sample_size, round=3)
        metrics.log_scalar("ntokens", total("ntokens"))
        metrics.log_scalar("nsentences", total("nsentences"))
        metrics.log_scalar_sum("infeasible", total("infeasible"))
        validated = [output for output in logging_outputs if "_units" in output]
        if validated:
            log_validation(validated, len(SPECIAL_SYMBOLS))

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        return True


class _Feasibility:
    """Watches how many utterances have labels that are longer than their frames, and so teach nothing."""

    ENOUGH, WARN_FROM = 100, 0.1

    def __init__(self) -> None:
        self._seen = self._infeasible = 0
        self._warned = False

    def add(self, utterances: int, feasible: int, *, training: bool) -> None:
        """Count a batch of training; look at the sum when there is enough, and before a validation.

        Raises:
            XlplError: no utterance so far could teach anything.
        """
        if training:
            self._seen += utterances
            self._infeasible += utterances - feasible
        if not self._infeasible or (training and self._seen < self.ENOUGH):
            return
        share = self._infeasible / self._seen
        problem = f"{self._infeasible} of {self._seen} training utterances have labels longer than their frames"
        if share == 1:
            raise XlplError(
                problem,
                expected="fewer units than frames",
                remedy="check that labels belong to the audio (xlpl check), or use a model with more frames a second",
            )
        if share >= self.WARN_FROM and not self._warned:
            self._warned = True
            logger.warning("%s: they teach nothing. Do the labels belong to the audio? xlpl check lists them", problem)


def _check(cfg: CtcConfig) -> None:
    """Refuse what fairseq's own criterion takes and this one does otherwise."""
    if cfg.zero_infinity is False:
        raise XlplError(
            "criterion.zero_infinity=false, but xlpl_ctc always leaves out utterances with too few frames",
            expected="true, or nothing",
            remedy="take the key out; the log counts such utterances as infeasible",
        )
    decoding = [name for name in ("wer_kenlm_model", "wer_lexicon", "wer_args") if getattr(cfg, name)]
    if decoding:
        raise XlplError(
            f"criterion.{decoding[0]} is set, but xlpl_ctc validates greedily, without lexicon and LM",
            expected="no wer_kenlm_model, wer_lexicon or wer_args",
            remedy="take these keys out; to decode with both, give a checkpoint to xlpl label, or to fairseq-generate "
            "with --dec-lexicon and --dec-lm",
        )


def required_frames(targets: Tensor, lengths: Tensor) -> Tensor:
    """Return the (B,) frames that CTC needs for (B, L) targets: one a unit, and a blank between equal neighbours."""
    inside = torch.arange(1, targets.shape[1], device=targets.device) < lengths.unsqueeze(1)
    repeats = (targets[:, 1:] == targets[:, :-1]) & inside
    return lengths + repeats.sum(dim=1)
