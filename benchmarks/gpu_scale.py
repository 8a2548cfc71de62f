"""How much gpu.py measures: what fills a GPU, or a toy for the CPU; and what its sections share."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from contenders import SIZES
from updates import Updater

from xlpl_plugin.models.encoder import EncoderConfig

Row = dict[str, Any]
# dense bf16 operations a second that the makers state, by a part of the name that torch gives
_PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "A10": 125e12, "4090": 165e12}


@dataclass(frozen=True)
class Scale:
    """Sizes of everything.

    Attributes:
        batch_seconds: audio of the first batch that is tried; halved until it fits.
        utterance: seconds of the longest utterance of a batch.
        updates: in a row, for a figure; each figure is taken three times.
        switched: size of the model whose switches are tried.
        tone_updates: of the model that labels.
        utterances: that are labelled, and ``distinct`` ones among them.
        loop_seconds: after which the loop of one utterance after another is stopped.
        wav2vec: layers, width of the 300 M parameter model.
    """

    device: str = "cuda"
    sizes: tuple[str, ...] = SIZES
    batch_seconds: float = 3200.0
    utterance: float = 10.0
    updates: int = 5
    switched: str = "base"
    tone_updates: int = 400
    words: int = 30_000
    utterances: int = 12_000
    distinct: int = 600
    workers: int = 16
    loop_seconds: float = 15.0
    label_batch_seconds: float = 1200.0
    wav2vec: tuple[int, int] = (24, 1024)
    layers: int = 0

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    def shrunk(self, config: EncoderConfig) -> EncoderConfig:
        """Return a toy's few layers; all of them on a GPU."""
        return replace(config, layers=self.layers, dim=64, heads=2, ffn_dim=64) if self.layers else config

    def peak_gb(self) -> float | None:
        """Return the most memory that tensors have held since the last call, in 10^9 bytes; None on the CPU."""
        if not self.on_gpu:
            return None
        peak = torch.cuda.max_memory_allocated(self.device) / 1e9
        torch.cuda.reset_peak_memory_stats(self.device)
        return peak


TOY = Scale(
    device="cpu", sizes=("tiny",), batch_seconds=4.0, utterance=1.0, updates=1, switched="tiny", tone_updates=2,
    words=60, utterances=6, distinct=4, workers=1, loop_seconds=1.0, label_batch_seconds=20.0,
    wav2vec=(1, 64), layers=1,
)  # fmt: skip


def tried(measure: Callable[[], Row]) -> Row:
    """Return what was measured, or what went wrong."""
    try:
        return measure()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def forget(updater: Updater, *_: object) -> None:
    """Let go of gradients and of what the allocator keeps."""
    updater.optimizer.zero_grad(set_to_none=True)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def peak_flops(device: str, *, bf16: bool) -> float | None:
    """Return the operations a second that the maker states for bf16; None where they are not known, or for float32."""
    if not bf16 or not device.startswith("cuda"):
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAKS.items() if part in name), None)


def told(scale: Scale) -> Row:
    """Return the scale as JSON has it."""
    return asdict(scale)
