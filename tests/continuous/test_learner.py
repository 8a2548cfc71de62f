"""The learner against the method written down plainly: what is trained on, with which labels, of what age."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from xlpl_plugin.continuous.guard import LabelCounts
from xlpl_plugin.continuous.learner import Learner, UpdateOutcome
from xlpl_plugin.continuous.options import CacheOptions
from xlpl_plugin.continuous.schedule import Schedule
from xlpl_plugin.continuous.streams import Batching, BatchStream
from xlpl_plugin.continuous.teacher import Labelled, Teacher
from xlpl_plugin.data.dataset import AudioDataset, DataPart
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError

PAD, NUM_UNITS, SEED = 1, 30, 5
LABELLED, UNLABELLED = 9, 23
RELEASED, ONE_TO_ONE = CacheOptions(4, "constant", 0.3), Schedule(5, 1, 1, (SEED, 0))
BATCHING = Batching(max_tokens=90, max_sentences=3, seed=SEED)
Label = Callable[[int, int], list[int]]


class Recordings(AudioDataset):
    """Recordings of a few samples, each of which is the number of its row."""

    def __init__(self, rows: int, *, labelled: bool) -> None:
        utterances = tuple(Utterance(f"{row}.flac", 10 + row, None, None, weight=1 + row) for row in range(rows))
        targets = tuple(np.array(own_label(row), np.int32) for row in range(rows)) if labelled else None
        super().__init__([DataPart(Path("audio"), utterances, targets)], pad=PAD)
        self.readers: list[str] = []

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.readers.append(threading.current_thread().name)
        source = torch.full((int(self.sizes[index]),), float(index))
        item = {"id": index, "name": f"{index}", "source": source, "weight": 1.0 + index}
        return {**item, "target": torch.from_numpy(self.targets[index]).long()} if self.labelled else item


class Model(nn.Module):
    """A model that knows how often it was trained, and no more."""

    def __init__(self, trained: int = 0) -> None:
        super().__init__()
        self.trained = nn.Parameter(torch.tensor(float(trained)), requires_grad=False)


def own_label(row: int) -> list[int]:
    return [4 + row, 5 + row]


def said(trained: int, row: int) -> list[int]:
    """What a model that was trained so often says of a row: it changes slowly, and sometimes neighbours are silent."""
    if (row // 4 + trained // 7) % 5 == 0:
        return []
    return [4 + (5 * row + place * (trained // (3 + row % 5))) % 20 for place in range(1 + row % 4)]


class Hearing:
    """A teacher without audio; ``failures`` are raised by the next calls."""

    def __init__(self) -> None:
        self.failures: list[RuntimeError] = []

    def begin(self, model: Model, batch: dict[str, Any]) -> Callable[[], Labelled]:
        if self.failures:
            raise self.failures.pop()
        trained, rows = int(model.trained), batch["id"].tolist()
        labels = tuple(np.array(said(trained, row), np.int16) for row in rows)
        return lambda: Labelled(labels, blank_frames=len(rows), frames=10 * len(rows), seconds=2.0 * len(rows))


@dataclass(frozen=True)
class Told:
    """What a step trained on: rows, their labels, the age of these (None: labelled), and whether it was replaced."""

    rows: list[int]
    labels: list[list[int]]
    age: int | None = None
    replaced: bool = False
    # labels made in this step: units, edits from the old ones, units of the old ones
    fresh: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class Setting:
    cache: CacheOptions = field(default_factory=lambda: RELEASED)
    schedule: Schedule = ONE_TO_ONE
    # how far the teacher's weights are from the model's
    lead: int = 0

    def learner(self, teacher: Hearing | None = None, audio: Recordings | None = None) -> Learner:
        labelled = Recordings(LABELLED, labelled=True) if self.schedule.labelled else None
        hearing = cast(Teacher, teacher or Hearing())
        unlabelled = audio or Recordings(UNLABELLED, labelled=False)
        return Learner(self.cache, self.schedule, hearing, labelled, unlabelled, BATCHING, NUM_UNITS)


@dataclass
class Trainer:
    """Counts updates and notes what it was given."""

    setting: Setting
    update: int = 0
    told: list[Told] = field(default_factory=list)

    def run(self, learner: Learner, updates: int) -> None:
        for _ in range(updates):
            model = Model(self.update)
            step = learner.step(model, Model(self.update + self.setting.lead), self.update, lambda batch: batch)
            assert step.result is not None
            labels = labels_of(step.result)
            counts = (int(step.fresh.units), int(step.fresh.edits), int(step.fresh.compared))
            self.told.append(Told(step.result["id"].tolist(), labels, step.age, step.replaced, counts))
            assert sum(step.counts, LabelCounts()).to_list() == step.fresh.to_list()
            self.update += 1


def labels_of(batch: dict[str, Any]) -> list[list[int]]:
    """Return the labels, once audio and weights are found to be those of the rows."""
    rows, lengths = batch["id"].tolist(), batch["target_lengths"].tolist()
    for number, row in enumerate(rows):
        own = batch["net_input"]["source"][number][~batch["net_input"]["padding_mask"][number]]
        assert own.tolist() == [row] * (10 + row)
    assert batch["weights"].tolist() == [(1 + row) * bool(length) for row, length in zip(rows, lengths, strict=True)]
    assert batch["ntokens"] == sum(lengths)
    assert all((own[length:] == PAD).all() for own, length in zip(batch["target"], lengths, strict=True))
    return [own[:length].tolist() for own, length in zip(batch["target"], lengths, strict=True)]


def plainly(setting: Setting, updates: int) -> Iterator[Told]:
    """Continuous pseudo-labelling as one would write it for a page of a book."""
    cache, schedule = setting.cache, setting.schedule
    labelled = BatchStream(Recordings(LABELLED, labelled=True), BATCHING)
    unlabelled = BatchStream(Recordings(UNLABELLED, labelled=False), BATCHING)
    held: list[tuple[list[int], list[list[int]], int]] = []
    visits = 0
    for update in range(updates):

        def say(rows: list[int], trained: int = update + setting.lead) -> list[list[int]]:
            return [said(trained, row) for row in rows]

        units = 0
        if update == schedule.warm_up and schedule.unlabelled:
            for _ in range(cache.cache_size):
                rows = unlabelled.take().tolist()
                held.append((rows, say(rows), update))
                units += length(held[-1][1])
        if not schedule.is_unlabelled(update):
            rows = labelled.take().tolist()
            yield Told(rows, [own_label(row) for row in rows], fresh=(units, 0, 0))
            continue
        order = np.random.default_rng((SEED, 0, 1, visits // cache.cache_size)).permutation(cache.cache_size)
        slot = order[visits % cache.cache_size]
        draw = np.random.default_rng((SEED, 0, 2, visits)).random()
        rows, labels, made = held[slot]
        edits = sum(map(distance, labels, say(rows)))
        longest = sum(max(len(a), len(b)) for a, b in zip(labels, say(rows), strict=True))
        chance = cache.replace_prob if cache.replacement == "constant" else edits / longest if longest else 1.0
        told = Told(rows, labels, update - made, replaced=bool(draw < chance))
        if told.replaced:
            fresh = unlabelled.take().tolist()
            held[slot] = (fresh, say(fresh), update)
            yield replace(told, fresh=(units + length(say(fresh)), edits, length(labels)))
        else:
            yield replace(told, fresh=(units, 0, 0))
        visits += 1


def length(labels: list[list[int]]) -> int:
    return sum(map(len, labels))


def distance(a: list[int], b: list[int]) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


def constant(size: int, probability: float) -> CacheOptions:
    return CacheOptions(size, "constant", probability)


SETTINGS = {
    "as released": Setting(),
    "never replaced": Setting(constant(4, 0.0)),
    "always replaced": Setting(constant(4, 1.0)),
    "cache of one": Setting(constant(1, 0.5)),
    "cache larger than the audio": Setting(constant(40, 0.5)),
    "no labelled part": Setting(schedule=Schedule(0, 0, 1, (SEED, 0))),
    "one to three": Setting(schedule=Schedule(0, 1, 3, (SEED, 0))),
    "labelled alone": Setting(schedule=Schedule(0, 1, 0, (SEED, 0))),
    "change": Setting(CacheOptions(4, "change", 0.0)),
    "moving average": Setting(CacheOptions(3, "change", 0.5), lead=11),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_step_is_that_of_the_plain_method(name: str) -> None:
    setting = SETTINGS[name]
    trainer = Trainer(setting)
    trainer.run(setting.learner(), 200)
    # and once more: from a place on is another learner's, from the first one's state
    first, second = setting.learner(), setting.learner()
    resumed = Trainer(setting)
    resumed.run(first, 83)
    second.load_state_dict(stored(first.state_dict()))
    resumed.run(second, 117)
    assert trainer.told == resumed.told == list(plainly(setting, 200))


def stored(state: Any) -> Any:
    """What a checkpoint gives back."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_the_settings_show_what_they_are_for() -> None:
    """Else the comparison above would say little."""
    told = {name: list(plainly(setting, 200)) for name, setting in SETTINGS.items()}
    replaced = {name: sum(own.replaced for own in steps) for name, steps in told.items()}
    cached = {name: sum(own.age is not None for own in steps) for name, steps in told.items()}
    assert replaced["never replaced"] == 0
    assert max(own.age or 0 for own in told["never replaced"]) == max(
        update - 5 for update, own in enumerate(told["never replaced"]) if own.age is not None
    )
    assert replaced["always replaced"] == cached["always replaced"]
    assert 0 < replaced["change"] < cached["change"]
    assert cached["no labelled part"] == 200
    assert cached["one to three"] == 150
    assert cached["labelled alone"] == 0
    assert any([] in own.labels for own in told["as released"])
    assert any(own.labels and not length(own.labels) for own in told["change"])


def test_a_resumed_learner_can_be_saved_before_its_first_step() -> None:
    first, second = (SETTINGS["as released"].learner() for _ in range(2))
    Trainer(SETTINGS["as released"]).run(first, 20)
    second.load_state_dict(stored(first.state_dict()))
    assert repr(second.state_dict()) == repr(first.state_dict())


@pytest.mark.parametrize("name", ["never replaced", "as released"])
def test_audio_is_read_beside_the_training(name: str) -> None:
    audio = Recordings(UNLABELLED, labelled=False)
    learner, trainer = SETTINGS[name].learner(audio=audio), Trainer(SETTINGS[name])
    trainer.run(learner, 8)  # the cache is filled by now
    audio.readers.clear()
    trainer.run(learner, 60)
    assert len(audio.readers) > 60
    assert not [reader for reader in audio.readers if not reader.startswith("reader")]


def test_an_epoch_is_the_batches_of_both_parts() -> None:
    parts = [BatchStream(Recordings(LABELLED, labelled=True), BATCHING)]
    parts.append(BatchStream(Recordings(UNLABELLED, labelled=False), BATCHING))
    assert SETTINGS["as released"].learner().epoch() == sum(map(len, parts))
    assert SETTINGS["no labelled part"].learner().epoch() == len(parts[1])


def fail(batch: dict[str, Any]) -> None:
    raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def step(
    learner: Learner, update: int, train: Callable[[Any], Any] = lambda batch: batch["id"].tolist()
) -> UpdateOutcome[Any]:
    return learner.step(Model(), Model(), update, train)


@pytest.mark.parametrize("name", ["no labelled part", "labelled alone"])
def test_a_batch_too_large_for_the_memory_is_not_tried_for_ever(name: str) -> None:
    """With one process the update is not counted, and fairseq asks for it again."""
    learner = SETTINGS[name].learner()
    left_out = step(learner, 0, fail)
    assert left_out.result is None
    assert "out of memory" in str(left_out.failure)
    assert not left_out.replaced
    others = SETTINGS[name].learner()
    batches = [step(others, 0).result for _ in range(3)]
    assert [step(learner, 0).result for _ in range(2)] == batches[1:] != batches[:2]


def test_memory_that_runs_out_while_labels_are_made_leaves_the_learner_whole() -> None:
    teacher = Hearing()
    learner = Setting(constant(3, 1.0), Schedule(0, 0, 1, (SEED, 0))).learner(teacher)
    teacher.failures = [RuntimeError("out of memory")]
    assert step(learner, 0).result is None
    filled = step(learner, 0)
    assert filled.age == 0
    assert len(filled.counts) == 4  # three fill the cache, and one replaces what was trained on
    teacher.failures = [RuntimeError("out of memory")]
    left_out = step(learner, 1)
    assert (left_out.result, left_out.counts) == (None, ())
    again = Setting(constant(3, 1.0), Schedule(0, 0, 1, (SEED, 0))).learner()
    again.load_state_dict(stored(learner.state_dict()))
    assert [step(learner, update).result for update in (2, 3, 4)] == [
        step(again, update).result for update in (2, 3, 4)
    ]


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(_: Any) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        step(SETTINGS["as released"].learner(), 0, broken)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (constant(0, 0.1), r"task\.cache_size=0"),
        (CacheOptions(4, "never", 0.1), r"task\.replacement='never'(.|\n)*constant, change"),
        (constant(4, 1.5), r"task\.replace_prob=1\.5"),
        (constant(4, float("nan")), r"task\.replace_prob=nan"),
    ],
)
def test_options_out_of_range_are_refused(options: CacheOptions, words: str) -> None:
    with pytest.raises(XlplError, match=words):
        Setting(options).learner()
