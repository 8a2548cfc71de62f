"""Labels for a batch of audio from the model in training: greedy, or by lexicon and LM in worker processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.continuous.cache import Labels
from xlpl_plugin.data.units import BLANK_INDEX, SPECIAL_SYMBOLS
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.decoding.hypothesis import collapse
from xlpl_plugin.decoding.pool import DecoderPool, Task
from xlpl_plugin.models.outputs import log_probs_of_each

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelled:
    """Labels of a batch, and how much of its audio the acoustic model took for blank.

    Attributes:
        labels: unit indices of each utterance; none where greedy output is empty.
        blank_frames: frames whose most probable unit is the blank, without any penalty of it.
        seconds: of audio.
    """

    labels: tuple[Labels, ...]
    blank_frames: int
    frames: int
    seconds: float


class Teacher:
    """Labels batches. The model is in evaluation mode: no dropout, no augmentation, no gradient."""

    def __init__(self, config: DecoderConfig, units: Sequence[str], workers: int) -> None:
        """``workers`` decode where ``config`` names a lexicon or an LM; greedy labels need none.

        Raises:
            XlplError: as ``DecoderPool``.
        """
        self._config, self._units = config, tuple(units)
        self._index = {unit: index for index, unit in enumerate(self._units)}
        self._pool: DecoderPool | None = None
        if config.lexicon or config.lm:
            # ends with this process: its worker processes wait on a pipe from here
            self._pool = DecoderPool(config, self._units, workers).__enter__()
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="teacher")

    def begin(self, model: nn.Module, batch: dict[str, Any]) -> Callable[[], Labelled]:
        """Compute the log-probs of a collated batch now; the search goes on beside the caller until it asks."""
        log_probs = _forward(model, batch["net_input"])
        blank = sum(int((own.argmax(dim=-1) == BLANK_INDEX).sum()) for own in log_probs)
        frames, seconds = sum(map(len, log_probs)), _samples(batch["net_input"]) / SAMPLE_RATE
        if self._pool is None:
            labels = tuple(self._greedy(own) for own in log_probs)
            return lambda: Labelled(labels, blank, frames, seconds)
        arrays = [own.cpu().numpy() for own in log_probs]
        future = self._thread.submit(self._search, self._pool, arrays, list(batch["names"]))
        return lambda: Labelled(future.result(), blank, frames, seconds)

    def _greedy(self, log_probs: Tensor) -> Labels:
        """The label that ``GreedyDecoder`` gives, made where the model computes."""
        scores = log_probs.clone()
        scores[:, BLANK_INDEX] -= self._config.blank_penalty
        scores[:, BLANK_INDEX + 1 : len(SPECIAL_SYMBOLS)] = -torch.inf
        units, _, _ = collapse(scores.argmax(dim=-1).tolist(), self._units)
        return self._encode(units)

    def _encode(self, units: Sequence[str]) -> Labels:
        return np.array([self._index[unit] for unit in units], np.int16)

    def _search(self, pool: DecoderPool, arrays: list[Any], names: list[str]) -> tuple[Labels, ...]:
        labels = [np.zeros(0, np.int16)] * len(arrays)
        tasks = (Task(str(number), own) for number, own in enumerate(arrays) if len(own))
        for found in pool.decode(tasks):
            if not found.hypotheses:
                logger.warning("%s: no label, since it ended its decoding process twice", names[int(found.id)])
                continue
            labels[int(found.id)] = self._encode(found.hypotheses[0].units)
        return tuple(labels)


@torch.no_grad()
def _forward(model: nn.Module, net_input: dict[str, Any]) -> list[Tensor]:
    # the wrappers of distributed training may wait for the other processes, which may have nothing to label
    while isinstance(inner := getattr(model, "module", None), nn.Module):
        model = inner
    training = model.training
    model.eval()
    try:
        return log_probs_of_each(model, net_input)
    finally:
        model.train(training)


def _samples(net_input: dict[str, Any]) -> int:
    return int((~net_input["padding_mask"]).sum())
