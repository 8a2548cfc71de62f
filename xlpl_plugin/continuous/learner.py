"""Continuous pseudo-labelling (slimIPL, arXiv 2010.11524): what each step trains on, and how the cache changes."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from fairseq import utils
from rapidfuzz.distance import Levenshtein
from torch import nn
from tqdm import tqdm

from xlpl_plugin.continuous.cache import CachedBatch, Labels, slot_of_visit
from xlpl_plugin.continuous.guard import LabelCounts
from xlpl_plugin.continuous.options import CHANGE, CacheOptions
from xlpl_plugin.continuous.peers import Holding, News, Peers
from xlpl_plugin.continuous.reader import Reader
from xlpl_plugin.continuous.schedule import Schedule
from xlpl_plugin.continuous.streams import Batching, BatchStream
from xlpl_plugin.continuous.teacher import Labelled, Teacher
from xlpl_plugin.data.dataset import AudioDataset, Indices, add_targets
from xlpl_plugin.schema import check_options

logger = logging.getLogger(__name__)
Batch = dict[str, Any]
Result = TypeVar("Result")

# batches whose labels are being searched for while the model hears the next one
_AHEAD = 4
# what keeps the random numbers of different purposes apart
_ORDER, _DRAW = 1, 2


@dataclass(frozen=True)
class UpdateOutcome(Generic[Result]):
    """What came of an update: what ``train`` returned, and about the labels that it trained on.

    Attributes:
        result: None where the batch was too large for the memory.
        age: updates since these were made; None for a labelled batch.
        replaced: whether a fresh batch took the place of the one trained on.
        fresh: counts of the labels that this process made.
        counts: the same for each batch that any process labelled.
        failure: what was raised where ``result`` is None.
    """

    result: Result | None
    age: int | None
    replaced: bool
    failure: RuntimeError | None = None
    fresh: LabelCounts = field(default_factory=LabelCounts)
    counts: tuple[LabelCounts, ...] = ()


class Learner:
    """Takes the steps of one process. Its state is in ``state_dict``, the same in all processes."""

    def __init__(
        self,
        options: CacheOptions,
        schedule: Schedule,
        teacher: Teacher,
        labelled: AudioDataset | None,
        unlabelled: AudioDataset,
        batching: Batching,
        num_units: int,
    ) -> None:
        """``labelled`` may be None where the schedule has no labelled updates."""
        check_options(options, "task")
        self._options, self._schedule, self._teacher, self._num_units = options, schedule, teacher, num_units
        self._streams = {"unlabelled": BatchStream(unlabelled, batching)}
        self._readers = {"unlabelled": Reader(unlabelled)}
        if labelled is not None:
            self._streams["labelled"] = BatchStream(labelled, batching)
            self._readers["labelled"] = Reader(labelled)
        self._pad = unlabelled.pad
        self._seed = (batching.seed, batching.rank)
        self._visits = 0
        self._peers = Peers(batching.rank, batching.world)

    @property
    def _cache(self) -> dict[int, CachedBatch]:
        return self._peers.own.batches

    def epoch(self) -> int:
        """Return how many batches of training audio this process has, labelled and unlabelled."""
        return sum(map(len, self._streams.values()))

    def step(
        self, model: nn.Module, teacher_model: nn.Module, update: int, train: Callable[[Batch], Result]
    ) -> UpdateOutcome[Result]:
        """Train once; label what the schedule and the draw ask for, with the weights from before.

        Args:
            model: in training, for the device and the type of its inputs.
            teacher_model: labels; the same, or its moving average.
            update: number of updates before this one.
            train: computes loss and gradients for a batch with targets.
        """
        put: dict[int, CachedBatch] = {}
        counts: list[LabelCounts] = []
        try:
            if self._schedule.begun(update) and self._schedule.unlabelled and not self._cache:
                put |= self._fill(model, teacher_model, update, counts)
            if self._schedule.is_unlabelled(update):
                step = self._on_cache(model, teacher_model, update, train, put, counts)
            else:
                batch = self._collate("labelled", self._streams["labelled"].take(), model)
                self._announce(self._visits)
                step = UpdateOutcome(train(batch), None, replaced=False)
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            # without its frames, which hold what filled the memory
            step = UpdateOutcome(None, None, replaced=False, failure=error.with_traceback(None))
        finally:  # the others wait for this whatever happened here
            shared = self._peers.share(News(self._positions(), put, counts))
        for reader in self._readers.values():
            reader.settle()
        return dataclasses.replace(step, fresh=sum(counts, LabelCounts()), counts=tuple(shared))

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the holdings of all processes, as plain data."""
        return [holding.state_dict() for holding in self._peers.holdings]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Go on from the holdings of as many processes."""
        self._peers.holdings = [Holding.from_state(own) for own in state]
        positions = self._peers.own.positions
        self._visits = positions["visits"]
        for name, stream in self._streams.items():
            stream.go_to(positions[f"{name}_epoch"], positions[f"{name}_taken"])

    def _positions(self) -> dict[str, int]:
        found = {"visits": self._visits}
        for name, stream in self._streams.items():
            found |= {f"{name}_epoch": stream.epoch, f"{name}_taken": stream.taken}
        return found

    def _announce(self, visit: int) -> None:
        """Have the audio read that the next step of each kind will want; ``visit`` is the next one to the cache."""
        if "labelled" in self._streams:
            self._readers["labelled"].announce(self._streams["labelled"].peek())
        if self._cache:
            wanted = [self._cache[self._slot(visit)].rows]
            if self._draw(visit) < self._options.replace_prob:
                wanted.append(self._streams["unlabelled"].peek())
            self._readers["unlabelled"].announce(*wanted)

    def _slot(self, visit: int) -> int:
        return slot_of_visit(visit, self._options.cache_size, (*self._seed, _ORDER))

    def _draw(self, visit: int) -> float:
        return float(np.random.default_rng((*self._seed, _DRAW, visit)).random())

    def _collate(self, name: str, rows: Indices, model: nn.Module) -> Batch:
        reader = self._readers[name]
        return _to_model(reader.dataset.collater(reader.read(rows)), model)

    def _fill(
        self, model: nn.Module, teacher: nn.Module, update: int, counts: list[LabelCounts]
    ) -> dict[int, CachedBatch]:
        logger.info("filling the cache: %d batches", self._options.cache_size)
        filled: dict[int, CachedBatch] = {}
        begun: deque[tuple[Indices, Callable[[], Labelled]]] = deque()

        def finish() -> None:
            rows, search = begun.popleft()
            labelled = search()
            filled[len(filled)] = CachedBatch(rows, labelled.labels, update)
            counts.append(self._count(labelled))

        for _ in tqdm(range(self._options.cache_size), "filling the cache", disable=None):
            rows = self._streams["unlabelled"].take()
            begun.append((rows, self._teacher.begin(teacher, self._collate("unlabelled", rows, model))))
            if len(begun) > _AHEAD:
                finish()
        while begun:
            finish()
        self._cache.update(filled)
        return filled

    def _on_cache(
        self,
        model: nn.Module,
        teacher: nn.Module,
        update: int,
        train: Callable[[Batch], Result],
        put: dict[int, CachedBatch],
        counts: list[LabelCounts],
    ) -> UpdateOutcome[Result]:
        """Train on a cached batch with its old labels, and replace it where the draw says so."""
        visit = self._visits
        self._visits += 1  # before all else: a batch that is too large for the memory must not be tried for ever
        slot = self._slot(visit)
        old = self._cache[slot]
        batch = self._collate("unlabelled", old.rows, model)
        now: Callable[[], Labelled] | None = None
        threshold = self._options.replace_prob
        if self._options.replacement == CHANGE:
            now = self._teacher.begin(teacher, batch)
            threshold = _change(old.labels, now().labels)
        replace = self._draw(visit) < threshold
        if replace:
            rows = self._streams["unlabelled"].take()
            fresh = self._teacher.begin(teacher, self._collate("unlabelled", rows, model))
            now = now or self._teacher.begin(teacher, batch)
        self._announce(self._visits)
        result = train(_with_labels(batch, old.labels, self._pad))
        if replace and now is not None:
            labelled = fresh()
            counts.append(self._count(labelled, old.labels, now().labels))
            put[slot] = self._cache[slot] = CachedBatch(rows, labelled.labels, update)
        return UpdateOutcome(result, update - old.made, replace)

    def _count(self, labelled: Labelled, old: tuple[Labels, ...] = (), now: tuple[Labels, ...] = ()) -> LabelCounts:
        units = np.concatenate([np.zeros(0, np.int64), *labelled.labels])
        return LabelCounts(
            blank_frames=labelled.blank_frames,
            frames=labelled.frames,
            units=len(units),
            seconds=labelled.seconds,
            edits=_edits(old, now),
            compared=sum(map(len, old)),
            used=tuple(np.bincount(units, minlength=self._num_units).astype(float).tolist()),
        )


def _edits(old: tuple[Labels, ...], now: tuple[Labels, ...]) -> int:
    return sum(Levenshtein.distance(a.tolist(), b.tolist()) for a, b in zip(old, now, strict=True))


def _change(old: tuple[Labels, ...], now: tuple[Labels, ...]) -> float:
    """Return the share of a batch's units that changed, 0 to 1; silence that stays silence counts as changed."""
    length = sum(max(len(a), len(b)) for a, b in zip(old, now, strict=True))
    return _edits(old, now) / length if length else 1.0


def _with_labels(batch: Batch, labels: tuple[Labels, ...], pad: int) -> Batch:
    """Return the batch with targets. Utterances without a label weigh nothing: they would teach silence."""
    device = batch["weights"].device
    targets = [torch.from_numpy(own.astype(np.int64)) for own in labels]
    labelled: Batch = utils.apply_to_sample(lambda value: value.to(device), add_targets(batch, targets, pad))
    return {**labelled, "weights": labelled["weights"] * (labelled["target_lengths"] > 0)}


def _to_model(batch: Batch, model: nn.Module) -> Batch:
    """Put a batch where the model is; fairseq does that only for batches that it draws itself."""
    weight = next(model.parameters())
    source = batch["net_input"]["source"]
    moved: Batch = utils.apply_to_sample(
        lambda value: value.to(weight.device, weight.dtype if value is source else value.dtype), batch
    )
    return moved
