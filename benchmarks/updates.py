"""Updates of an acoustic model outside of any trainer: batches, the clock of each part, and the products alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import flop_registry

from xlpl_plugin.audio import SAMPLE_RATE

UNITS = 32
CPU = torch.device("cpu")
# letters a second of read speech, about
_UNITS_A_SECOND = 12


@dataclass(frozen=True)
class Batch:
    """Utterances and their labels: (B, T) samples, (B,) samples of each, (B, L) units and (B,) units of each."""

    source: Tensor
    num_samples: Tensor
    targets: Tensor
    target_lengths: Tensor

    @property
    def seconds(self) -> float:
        """Audio without padding."""
        return float(self.num_samples.sum()) / SAMPLE_RATE

    def moved(self, move: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(*(move(getattr(self, name.name)) for name in fields(self)))


def noise(seconds: list[float], seed: int = 0) -> Batch:
    """Return a batch of noise with random labels: what an update takes does not depend on what is said."""
    drawn = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([int(value * SAMPLE_RATE) for value in seconds])
    inside = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    source = 0.1 * torch.randn(inside.shape, generator=drawn) * inside
    counts = torch.tensor([max(1, int(value * _UNITS_A_SECOND)) for value in seconds])
    return Batch(source, lengths, torch.randint(4, UNITS, (len(seconds), int(counts.max())), generator=drawn), counts)


def now(device: torch.device) -> float:
    """Return the seconds of the clock on the wall, once a GPU is done; on the CPU, those that this process computed.

    The second is disturbed less by what else the machine does. It is the time of an update on one thread only.
    """
    synchronize(device)
    return time.process_time() if device.type == "cpu" else time.perf_counter()


class Clock:
    """Adds up the seconds of named parts."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begin = now(self._device)
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + now(self._device) - begin


class NoClock:
    """Takes no time, and so lets the GPU run on."""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        yield


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Updater:
    """A model with its optimiser; ``update`` is one step of CTC training, as ``xlpl_ctc`` computes it."""

    def __init__(
        self,
        model: nn.Module,
        device: str = "cpu",
        *,
        bf16: bool = False,
        fused: bool = False,
        host_ctc: bool = False,
        lr: float = 1e-5,
    ) -> None:
        """``bf16`` computes under autocast; ``host_ctc`` takes the log-probs to the CPU for the loss."""
        self.device, self.bf16, self.host_ctc = torch.device(device), bf16, host_ctc
        self.model: Any = model.to(self.device).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr, fused=fused)

    def update(self, batch: Batch, clock: Clock | NoClock | None = None) -> Tensor:
        """Return the loss of one update; ``batch`` is on the device."""
        clock = clock or NoClock()
        with clock.part("forward"), torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits, frames = self.model(batch.source, batch.num_samples)
        with clock.part("CTC"):
            loss = self._loss(logits, frames, batch)
        with clock.part("backward"):
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
        with clock.part("optimiser"):
            self.optimizer.step()
        return loss.detach()

    def _loss(self, logits: Tensor, frames: Tensor, batch: Batch) -> Tensor:
        log_probs = logits.float().log_softmax(-1).transpose(0, 1)
        if self.host_ctc:
            batch, log_probs, frames = batch.moved(Tensor.cpu), log_probs.cpu(), frames.cpu()
        with torch.backends.cudnn.flags(enabled=False):
            losses = nn.functional.ctc_loss(
                log_probs, batch.targets, frames, batch.target_lengths, reduction="none", zero_infinity=True
            )
        return losses.sum() / batch.target_lengths.sum()


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


class Products(TorchDispatchMode):
    """Remembers the matrix products, convolutions and attention of what runs under it, to run these alone."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in flop_registry or "attention" in str(func):
            self.calls.append((func, *tree_map(_detached, (args, kwargs or {}))))
        return func(*args, **(kwargs or {}))

    def seconds(self, names: tuple[str, ...] = ("",)) -> float:
        """Run what has one of ``names`` in its name again, alone."""
        chosen = [call for call in self.calls if any(name in str(call[0]) for name in names)]
        begin = now(CPU)
        with torch.no_grad():
            for func, args, kwargs in chosen:
                func(*args, **kwargs)
        return now(CPU) - begin
