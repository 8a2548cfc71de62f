"""A training on continuous pseudo-labels that was cut off goes on to the same losses and the same weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from xlpl_plugin.models.checkpoint import read_checkpoint

pytestmark = pytest.mark.slow
KILLED, UPDATES = 13, 28
WORDS = {"bad", "cab", "face"}
BIGRAMS = """\\data\\
ngram 1=6
ngram 2=2

\\1-grams:
-1.2\t<unk>
-99\t<s>\t-0.3
-0.8\t</s>
-0.6\tbad\t-0.2
-0.6\tcab\t-0.2
-0.7\tface\t-0.2

\\2-grams:
-0.5\t<s> bad
-0.5\tcab face

\\end\\
"""


@pytest.fixture(scope="module")
def whole(training: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A training in one piece: greedy labels, a cache that is filled after four updates."""
    it = training(tmp_path_factory.mktemp("whole"), *CONSTANT)
    it.run(updates=UPDATES)
    return it


CONSTANT = (
    *("task.warm_up=4", "checkpoint.save_interval_updates=4"),
    *("task.dropout_scale=0.5", "task.layer_drop_scale=0.3"),
)


def test_killed_in_the_middle_it_goes_on_to_the_same_bits(
    whole: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    it = training(tmp_path / "killed", *CONSTANT)
    it.kill_when(lambda: it.log.exists() and len(it.windows()) >= KILLED, updates=UPDATES)
    assert "done training" not in it.log.read_text()
    said = it.run(updates=UPDATES)
    assert "Loaded checkpoint" in said
    same_windows(it, whole)
    same_state(it.last, whole.last)


def test_both_parts_and_the_labels_show_in_the_log(whole: Any) -> None:
    told = {int(window["num_updates"]): window for window in whole.windows()}
    assert list(told) == list(range(1, UPDATES + 1))
    cached = [update for update, window in told.items() if window.get("loss_unlabelled") is not None]
    assert len(cached) == (UPDATES - 4) / 2
    assert min(cached) > 4
    assert all((window.get("loss_labelled") is None) == (update in cached) for update, window in told.items())
    assert all(0 <= float(told[update]["cache_age"]) <= update - 5 for update in cached)
    # the filling, and every replacement
    fresh = [update for update, window in told.items() if window.get("pl_length") is not None]
    assert fresh == [5, *(update for update, window in told.items() if window["replaced"] == "1" and update != 5)]
    assert 5 < len(fresh) + 4 < len(cached) + 5


@dataclass(frozen=True)
class Case:
    """A training of so many updates that goes on from one of its checkpoints."""

    options: tuple[str, ...]
    resumed: int
    updates: int


EMA = ("task.teacher=ema", "ema.store_ema=true", "ema.ema_decay=0.9")
CASES = {
    "change, average": Case(
        # fairseq hands the average to validation as well
        (*EMA, "task.replacement=change", "task.warm_up=1", "dataset.disable_validation=false"),
        resumed=3,
        updates=7,
    ),
    "lm": Case(("task.warm_up=1", "task.label_workers=2", "task.unlabelled_updates=2"), resumed=3, updates=7),
    "augmented": Case(("task.warm_up=1", "task.aug_room=0.7", "task.aug_babble=0.7"), resumed=3, updates=7),
    "wav2vec": Case(("task.warm_up=2", "task.dropout_scale=0.5", "task.layer_drop_scale=0.6"), resumed=1, updates=6),
}


@pytest.mark.parametrize("name", CASES)
def test_resumed_from_a_checkpoint_it_ends_with_the_same_bits(
    name: str, training: Callable[..., Any], tmp_path: Path, write_pretrained: Callable[[Path], None]
) -> None:
    case = CASES[name]
    options = [*case.options, f"checkpoint.save_interval_updates={case.resumed}"]
    more = {}
    if name == "lm":
        options += language_model(tmp_path)
    if name == "wav2vec":
        write_pretrained(tmp_path / "pretrained.pt")
        more["model"] = (
            *("model=wav2vec_ctc", f"model.w2v_path={tmp_path / 'pretrained.pt'}", "model.mask_length=2"),
            *("model.mask_channel_length=4", "model.mask_channel_prob=0.5", "model.layerdrop=0.5", "model.dropout=0.2"),
        )
    one, two = (training(tmp_path / folder, *options, **more) for folder in ("one", "two"))
    one.run(updates=case.updates)
    two.checkpoints.mkdir(parents=True)
    shutil.copy(one.checkpoints / f"checkpoint_1_{case.resumed}.pt", two.last)
    two.run(updates=case.updates)
    assert len(two.windows()) == case.updates - case.resumed
    same_windows(two, one, case.resumed)
    same_state(two.last, one.last)
    if name == "lm":
        heard = [label for batch in labels_of(two.last) for label in batch]
        assert any(heard)
        assert all(word in WORDS for label in heard for word in label.split())


def language_model(folder: Path) -> list[str]:
    (folder / "lexicon.txt").write_text("".join(f"{word}\t{' '.join(word)} |\n" for word in sorted(WORDS)))
    (folder / "lm.arpa").write_text(BIGRAMS)
    return [f"task.dec_lexicon={folder / 'lexicon.txt'}", f"task.dec_lm={folder / 'lm.arpa'}", "task.dec_word_score=6"]


def labels_of(checkpoint: Path) -> list[list[str]]:
    """Return the labels in the cache of a checkpoint, those of each batch, as words."""
    mine = read_checkpoint(checkpoint)["extra_state"]["ContinuousTask"]
    packed = mine["holdings"][0]["batches"]
    units = iter(packed["units"].tolist())
    lengths = iter(packed["lengths"].tolist())
    return [
        ["".join(mine["units"][next(units)] for _ in range(next(lengths))).replace("|", " ") for _ in range(size)]
        for size in packed["sizes"].tolist()
    ]


def same_windows(it: Any, whole: Any, after: int = 0) -> None:
    expected = {window["num_updates"]: window for window in whole.windows()}
    told = it.windows()
    assert {int(window["num_updates"]) for window in told} == set(range(after + 1, len(expected) + 1))
    for window in told:
        assert window == expected[window["num_updates"]]


def same_state(one: Path, other: Path) -> None:
    """Model, moving average, optimizer, and the task's own state are the same."""
    kept = ("ContinuousTask", "ema", "train_iterator")
    first, second = (
        {**state["extra_state"], "model": state["model"], "optimizer": state["last_optimizer_state"]}
        for state in map(read_checkpoint, (one, other))
    )
    for key in (*kept, "model", "optimizer"):
        same(first.get(key), second.get(key), key)


def same(one: Any, other: Any, where: str) -> None:
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        same(dict(enumerate(one)), dict(enumerate(other)), where)
    else:
        assert one == other, where
