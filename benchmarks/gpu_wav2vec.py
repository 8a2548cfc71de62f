"""fairseq's ``wav2vec_ctc`` of 300 M parameters on a GPU. A section of gpu.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tones
import torch
from contenders import parameters
from gpu_scale import Row, Scale, tried
from gpu_training import largest_batch, throughput
from torch import Tensor, nn
from updates import Updater

from xlpl_plugin.models import acoustic

_LABELLED = 64


class Wav2Vec(nn.Module):
    """fairseq's ``wav2vec_ctc`` over a random wav2vec 2.0, as the other encoders are called."""

    def __init__(self, layers: int, dim: int, units: int) -> None:
        from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
        from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig, Wav2VecCtc, Wav2VecEncoder
        from omegaconf import OmegaConf

        super().__init__()
        inside = Wav2Vec2Config(
            extractor_mode="layer_norm", layer_norm_first=True, conv_bias=True, encoder_layers=layers,
            encoder_embed_dim=dim, encoder_ffn_embed_dim=4 * dim, encoder_attention_heads=dim // 64, final_dim=dim,
        )  # fmt: skip
        task = {"_name": "audio_pretraining", "data": "", "normalize": True, "sample_rate": 16_000}
        model = {**OmegaConf.to_container(OmegaConf.structured(inside), enum_to_str=True), "_name": "wav2vec2"}  # type: ignore[dict-item]
        config = OmegaConf.structured(Wav2Vec2CtcConfig(w2v_path="", data="", normalize=True, layerdrop=0.0))
        config.no_pretrained_weights, config.ddp_backend = True, "legacy_ddp"
        config.w2v_args = OmegaConf.create({"model": model, "task": task, "criterion": None, "lr_scheduler": None})
        self.model: Any = Wav2VecCtc(config, Wav2VecEncoder(config, units))

    def forward(self, source: Tensor, num_samples: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (B, T) samples into (B, T', units) logits and (B,) frames."""
        padding = torch.arange(source.shape[1], device=source.device) >= num_samples.unsqueeze(1)
        output = self.model(source=source, padding_mask=padding)
        logits: Tensor = output["encoder_out"].transpose(0, 1).float()
        mask = output["padding_mask"]
        whole = torch.full((len(source),), logits.shape[1], device=source.device)
        return logits, whole if mask is None else (~mask).sum(dim=1)


def wav2vec(scale: Scale) -> Iterator[Row]:
    """Train and label with ``wav2vec_ctc`` of 300 M parameters; its weights are random."""
    import xlpl_plugin.registry  # noqa: F401  (fairseq's tasks)

    model = Wav2Vec(*scale.wav2vec, len(tones.UNITS))
    yield {"what": "train", **tried(lambda: _train_wav2vec(model, scale))}
    yield {"what": "label", **tried(lambda: _emit_wav2vec(model, scale))}


def _train_wav2vec(model: Wav2Vec, scale: Scale) -> Row:
    scale.peak_gb()
    updater = Updater(model, scale.device, bf16=True, fused=scale.on_gpu)
    batch = largest_batch(updater, scale)
    scale.peak_gb()
    seconds = throughput(updater, batch, scale.updates)
    return {
        "parameters": parameters(model),
        "batch_seconds": batch.seconds,
        "audio_seconds_a_second": [batch.seconds / value for value in seconds],
        "memory_gb": scale.peak_gb(),
    }


def _emit_wav2vec(model: Wav2Vec, scale: Scale) -> Row:
    am = acoustic.AcousticModel(model.model, tones.UNITS, normalize=True, device=scale.device, bf16=True)
    words, seeds = tones.make_words(50), range(min(_LABELLED, scale.distinct))
    waves = [tones.speak(tones.sentence(words, seed), seed) for seed in seeds]
    am.emit(waves)
    scale.peak_gb()
    begin = time.perf_counter()
    found = am.emit(waves)
    seconds = sum(map(len, waves)) / 16_000
    finite = all(bool(np.isfinite(log_probs).all()) for log_probs in found)
    speed = seconds / (time.perf_counter() - begin)
    return {"finite": finite, "times_real_time": speed, "memory_gb": scale.peak_gb()}
