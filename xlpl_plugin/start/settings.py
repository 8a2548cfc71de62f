"""Sizes of model and training that suit the hours of audio and the machine, each with its reason."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from xlpl_plugin.models.precision import computes_bf16

# padded audio in a batch: measured to fit 2 GB of memory on a CPU, and 24 GB of a GPU with the largest model here
_CPU_BATCH, _GPU_BATCH = 40.0, 200.0
# how often a training goes through its audio, and the bounds of its length in updates; from runs on two CPU cores
# (docs/results), and on a GPU what fine-tuning recipes of fairseq take
_PASSES = 15
_SOURCE_BOUNDS = {False: (1000, 20_000), True: (4000, 80_000)}
# a student goes on from the model before it: a seventh of its updates were enough
_STUDENT_PART = 7


@dataclass(frozen=True)
class Hardware:
    """What a training can use; ``bf16``: instructions for bfloat16, of the GPUs where there are any."""

    cores: int
    gpus: int
    bf16: bool

    @classmethod
    def here(cls) -> Hardware:
        """Look at this machine."""
        return cls(len(os.sched_getaffinity(0)), torch.cuda.device_count(), computes_bf16())


@dataclass(frozen=True)
class Settings:
    """What a run is configured with; ``reasons`` has a sentence for each choice."""

    model: str
    source_updates: int
    source_lr: float
    student_updates: int
    student_lr: float
    rounds: int
    # samples in a padded batch
    max_tokens: int
    beam: int
    workers: int
    bf16: bool
    reasons: tuple[str, ...]


def choose_settings(target_hours: float, source_hours: float, hardware: Hardware, sample_rate: int) -> Settings:
    """Choose by hours of audio and hardware. A start, not an optimum: every value stands in the run's YAML file."""
    gpu = hardware.gpus > 0
    model, why = _model(target_hours + source_hours, gpu)
    batch = _GPU_BATCH if gpu else _CPU_BATCH
    least, most = _SOURCE_BOUNDS[gpu]
    updates = _rounded(min(most, max(least, _PASSES * 3600 * source_hours / batch)))
    student = _rounded(max(200, min(updates, max(updates, _PASSES * 3600 * target_hours / batch)) / _STUDENT_PART))
    place = f"{hardware.gpus} GPU(s)" if gpu else f"{hardware.cores} CPU cores, no GPU"
    small = model == "mini"
    return Settings(
        model=model, source_updates=updates, source_lr=0.002 if small else 0.001, student_updates=student,
        student_lr=0.001 if small else 0.0005, rounds=3 if small else 6, max_tokens=int(batch * sample_rate),
        beam=500 if small else 1000, workers=max(1, hardware.cores), bf16=hardware.bf16,
        reasons=(
            f"model {model}: {why}, on {place}",
            f"batches of {batch:.0f} s of audio: what fits the memory of {'a GPU' if gpu else 'a small machine'}",
            f"{updates} updates for the source AM: about {_PASSES} times through {source_hours:.1f} hours, within "
            f"{least} to {most}",
            f"{student} updates for each student, which goes on from the model before it",
            f"{max(1, hardware.cores)} processes decode, one a core",
            "trainings in bfloat16, for which there are instructions"
            if hardware.bf16
            else "trainings in 32 bits: bfloat16 would be emulated",
        ),
    )  # fmt: skip


def _model(hours: float, gpu: bool) -> tuple[str, str]:
    """Return a file of config/model and why."""
    if hours < 1:
        return "mini", f"{hours:.1f} hours of audio in all"
    if not gpu:
        return "tiny", f"{hours:.1f} hours of audio in all, and CPUs train nothing larger in a day"
    if hours < 10:
        return "small", f"{hours:.1f} hours of audio in all"
    return "base", f"{hours:.0f} hours of audio in all"


def _rounded(updates: float) -> int:
    """Round to two digits, which is as much as such a rule knows."""
    size = 10 ** max(0, len(str(int(updates))) - 2)
    return int(round(updates / size) * size)
