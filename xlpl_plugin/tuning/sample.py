"""A sample of emissions with its greedy output, decoded with many weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import NamedTuple

import numpy as np

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.decoding import Hypothesis, LogProbs, Weights
from xlpl_plugin.decoding.blank import expected_units, penalty_for_length
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.hypothesis import NOTHING
from xlpl_plugin.decoding.pool import DecoderPool, Task
from xlpl_plugin.emissions.compute import EmissionSource
from xlpl_plugin.errors import XlplError
from xlpl_plugin.tuning.permutation_null import splice


class SilentModel(XlplError):
    """The acoustic model finds no unit in any utterance of a sample."""


class Decoding(NamedTuple):
    """The best hypotheses of a sample, in its order, and the CPU seconds that the search took."""

    weights: Weights
    hypotheses: list[Hypothesis]
    search_seconds: float


class Sample:
    """Utterances drawn at random whose greedy output is not empty.

    Attributes:
        ids: of the utterances, sorted.
        units: of the acoustic model.
        greedy: their greedy output, made as long as was asked for by a penalty of the blank: what the tuning score
            compares with. The label-free score of a round takes the greedy output without it (``Signals``).
        greedy_penalty: that penalty.
        units_per_second: what the acoustic model expects without a penalty.
    """

    def __init__(
        self,
        source: EmissionSource,
        manifest: Manifest,
        *,
        size: int,
        seed: int,
        blank_penalty: tuple[float, float],
        units_per_second: float = 0.0,
    ) -> None:
        """Draw ``size`` utterances and choose the penalty, within ``blank_penalty``, of the greedy output.

        Raises:
            SilentModel: the model finds no unit in any of them.
        """
        chosen = sorted(np.random.default_rng(seed).permutation(len(manifest.utterances))[:size].tolist())
        part = Manifest(manifest.root, tuple(manifest.utterances[index] for index in chosen))
        # sorted: a model emits in order of length, stored emissions come in the manifest's
        emissions = sorted(
            ((emission.utterance, emission.log_probs) for emission in source.stream(part) if len(emission.log_probs)),
            key=lambda pair: pair[0].id,
        )
        self.units = source.units
        self._log_probs: list[LogProbs] = [log_probs for _, log_probs in emissions]
        seconds = Manifest(part.root, tuple(utterance for utterance, _ in emissions)).seconds
        self.units_per_second = round(sum(map(expected_units, self._log_probs)) / max(seconds, 1e-9), 3)
        wanted = (units_per_second or self.units_per_second) * seconds
        self.greedy_penalty = penalty_for_length(self._greedy_length, wanted, *blank_penalty)
        paths = self._greedy(self.greedy_penalty)
        # silence says nothing about weights
        nonempty = [index for index, path in enumerate(paths) if path.units]
        self.ids = tuple(emissions[index][0].id for index in nonempty)
        self._log_probs = [self._log_probs[index] for index in nonempty]
        self.greedy = [paths[index] for index in nonempty]
        if not self.greedy:
            raise SilentModel(
                f"the acoustic model finds no unit in any of {len(chosen)} utterances",
                expected="some greedy output to compare with",
                remedy="train the acoustic model longer, or tune on other audio",
            )

    def __len__(self) -> int:
        return len(self.ids)

    def spliced(self, seed: int) -> Sample:
        """Return as many utterances, spliced at random from these (``splicing``), and the greedy output of that."""
        other = copy(self)
        other._log_probs = splice(self._log_probs, self.greedy, seed)
        other.greedy = other._greedy(self.greedy_penalty)
        return other

    def _greedy(self, blank_penalty: float) -> list[Hypothesis]:
        decoder = GreedyDecoder(self.units, blank_penalty)
        return [decoder.decode(log_probs)[0] for log_probs in self._log_probs]

    def _greedy_length(self, blank_penalty: float) -> float:
        return sum(len(path.units) for path in self._greedy(blank_penalty))

    def decode(self, pool: DecoderPool, batch: Sequence[Weights]) -> Iterator[Decoding]:
        """Decode the sample with each of ``batch``; they overlap in the workers and come in the order they end in."""
        tasks = (
            Task(f"{trial} {number}", log_probs, weights)
            for trial, weights in enumerate(batch)
            for number, log_probs in enumerate(self._log_probs)
        )
        found: list[dict[int, Hypothesis]] = [{} for _ in batch]
        seconds = [0.0] * len(batch)
        for decoded in pool.decode(tasks):
            trial, number = map(int, decoded.id.split())
            found[trial][number] = decoded.hypotheses[0] if decoded.hypotheses else NOTHING
            seconds[trial] += decoded.search_seconds
            if len(found[trial]) == len(self):
                hypotheses = [found[trial].pop(number) for number in range(len(self))]
                yield Decoding(batch[trial], hypotheses, seconds[trial])
