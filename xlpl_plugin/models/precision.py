"""Whether a device computes in bfloat16 by itself: one that emulates it is several times slower than in 32 bits."""

from __future__ import annotations

import logging
from functools import cache
from itertools import chain
from pathlib import Path

import torch

logger = logging.getLogger(__name__)

# as Linux names them; the last is that of Arm
_INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_CPUINFO = Path("/proc/cpuinfo")


def computes_bf16(device: str = "auto") -> bool:
    """Return whether a type of device (auto: cuda where there is one) has instructions for bfloat16."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device != "cpu" or not _INSTRUCTIONS.isdisjoint(_features())


@cache
def warn_of_emulation(device: str) -> None:
    """Say once for a type of device that its bfloat16 is slow, where it is."""
    if not computes_bf16(device):
        logger.warning(
            "the %s of this machine emulates bfloat16, several times slower than it computes in 32 bits: leave out "
            "common.bf16=true (trainings) and bf16=true (labels)",
            device.upper() if device == "cpu" else "GPU",
        )


def _features() -> frozenset[str]:
    """Return what the processor can do; nothing where Linux does not tell."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    features = [words.split() for name, _, words in named if name.strip() in ("flags", "Features")]
    return frozenset(chain.from_iterable(features))
