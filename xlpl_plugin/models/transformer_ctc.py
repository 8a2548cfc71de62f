"""fairseq's view of the acoustic encoder: the registered model ``xlpl_transformer_ctc``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from fairseq.dataclass import FairseqDataclass
from fairseq.models import BaseFairseqModel, register_model
from torch import Tensor

from xlpl_plugin.models.encoder import AcousticEncoder, EncoderConfig


@dataclass
class TransformerCtcConfig(EncoderConfig, FairseqDataclass):
    """Every field of ``EncoderConfig`` is a key of ``model:``."""


@register_model("xlpl_transformer_ctc", dataclass=TransformerCtcConfig)
class TransformerCtc(BaseFairseqModel):
    """CTC acoustic model; its interface is that of fairseq's ``wav2vec_ctc``."""

    def __init__(self, config: TransformerCtcConfig, num_units: int) -> None:
        super().__init__()
        self.encoder = AcousticEncoder(config, num_units)

    @classmethod
    def build_model(cls, cfg: TransformerCtcConfig, task: Any) -> TransformerCtc:
        return cls(cfg, len(task.target_dictionary))

    def forward(self, source: Tensor, padding_mask: Tensor | None = None, **_: Any) -> dict[str, Tensor | None]:
        """Turn a (B, T) waveform and (B, T) booleans (true = padding) into logits (T', B, C) and their mask (B, T')."""
        if padding_mask is None:
            num_samples = torch.full((source.shape[0],), source.shape[1], device=source.device)
        else:
            num_samples = (~padding_mask).sum(dim=1)
        logits, lengths = self.encoder(source, num_samples)
        padding = torch.arange(logits.shape[1], device=logits.device) >= lengths.unsqueeze(1)
        return {"encoder_out": logits.transpose(0, 1), "padding_mask": padding}

    def get_logits(self, net_output: dict[str, Any], normalize: bool = False) -> Tensor:
        """Return (T', B, C) float32 logits, or log-probabilities if ``normalize``."""
        logits: Tensor = net_output["encoder_out"].float()
        return logits.log_softmax(dim=-1) if normalize else logits

    def get_normalized_probs(
        self, net_output: dict[str, Any], log_probs: bool, sample: dict[str, Any] | None = None
    ) -> Tensor:
        """Return (T', B, C) float32 probabilities or their logarithms, whatever the precision of the model."""
        logits = self.get_logits(net_output)
        return logits.log_softmax(dim=-1) if log_probs else logits.softmax(dim=-1)
