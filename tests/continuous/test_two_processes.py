"""Two processes without a GPU: each with batches and a cache of its own, one gradient, and the same after a kill."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairseq import tasks, utils
from omegaconf import OmegaConf

import xlpl_plugin
import xlpl_plugin.registry  # the task by its name
from xlpl_plugin.continuous.cache import slot_of_visit, unpack
from xlpl_plugin.continuous.schedule import Schedule
from xlpl_plugin.continuous.streams import Batching, BatchStream
from xlpl_plugin.data.dataset import AudioDataset, DataPart, add_targets, read_part
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.models.checkpoint import read_checkpoint

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
SEED, UPDATES, WARM_UP, CACHE = 1, 14, 1, 3
# the updates (from 0) in which the second process has no memory
SHORT = (6, 8)
LETTERS = ("a", "b", "cab", "fed", "dead", "bad", "ace", "fade", "bee", "deaf")
OPTIONS = (
    *("model.dim=16", "model.layers=2", "model.heads=2", "model.ffn_dim=16", "model.num_mels=20"),
    # all that is drawn at random
    *("model.dropout=0.3", "model.layer_drop=0.3", "model.stretch_high=1.2", "model.vocal_tract_low=0.9"),
    *(f"task.warm_up={WARM_UP}", f"task.cache_size={CACHE}", "task.replace_prob=0.5", "task.no_guard=true"),
    *("dataset.batch_size=2", "dataset.num_workers=0", "dataset.disable_validation=true", "common.log_interval=1"),
    *(f"optimization.max_update={UPDATES}", "checkpoint.keep_interval_updates=-1", "common.cpu=true"),
    # Adam's first moment is then the last gradient
    *("optimizer.adam_betas='(0.0,0.98)'", "optimization.clip_norm=0"),
    *("distributed_training.distributed_backend=gloo", "distributed_training.distributed_no_spawn=true"),
)
TIMES = {"wps", "ups", "train_wall", "wall", "gb_free"}


class Pair:
    """A training of two processes, which is started again with the same words."""

    def __init__(self, servers: list[Any], data: dict[str, Path], folder: Path, *options: str) -> None:
        self._servers, self._data, self._options, self.folder = servers, data, options, folder
        folder.mkdir()

    def start(self) -> list[int]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            place = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        together = (
            "distributed_training.distributed_world_size=2",
            f"distributed_training.distributed_init_method={place}",
        )
        processes = []
        for rank, server in enumerate(self._servers):
            words = (*self.words(), *together, f"distributed_training.distributed_rank={rank}")
            entry = "fairseq_cli.hydra_train:cli_main"
            if rank:
                entry = "tests.continuous.short_of_memory:main"
                words = (*words, f"without_memory={','.join(map(str, SHORT))}")
            processes.append(server.begin(self.log(rank), entry, *words))
        return processes

    def end(self) -> list[int]:
        return [server.end() for server in self._servers]

    def words(self) -> tuple[str, ...]:
        data = (f"task.data={self._data['labelled']}", f"task.unlabelled={self._data['audio']}")
        place = (f"common.user_dir={Path(xlpl_plugin.__file__).parent}", f"checkpoint.save_dir={self.checkpoints}")
        config = ("--config-dir", str(ROOT / "config"), "--config-name", "continuous")
        return (*config, *place, *data, *OPTIONS, *self._options)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def log(self, rank: int) -> Path:
        return self.folder / f"{rank}.log"

    def said(self, rank: int) -> str:
        return self.log(rank).read_text(encoding="utf-8")

    def windows(self) -> list[dict[str, Any]]:
        """What was logged after each update, without times."""
        told = re.findall(r"\[train_inner\].* - (\{.*\})$", self.said(0), re.MULTILINE)
        return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in told]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("data")
    # an epoch is longer than the training: fairseq numbers no checkpoint at the end of one
    labelled = make_folder(root / "labelled", {"train": LETTERS * 3, "valid": LETTERS[:2]})
    return {"labelled": labelled, "audio": make_folder(root / "audio", {"train": LETTERS[::-1] * 3}, labels=False)}


@pytest.fixture(scope="module")
def servers(server: Any) -> Iterator[list[Any]]:
    second = type(server)()
    yield [server, second]
    second.close()


@pytest.fixture(scope="module")
def whole(servers: list[Any], data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    pair = Pair(servers, data, tmp_path_factory.mktemp("whole") / "run", "checkpoint.save_interval_updates=1")
    pair.start()
    assert pair.end() == [0, 0], pair.said(0)[-3000:] + pair.said(1)[-3000:]
    return pair


@pytest.fixture(scope="module")
def killed(servers: list[Any], data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Killed two updates or more after a save, and started again."""
    pair = Pair(servers, data, tmp_path_factory.mktemp("killed") / "run", "checkpoint.save_interval_updates=4")
    processes = pair.start()
    wait_for(lambda: pair.log(0).exists() and '"num_updates": "6"' in pair.said(0))
    for process in processes:
        os.kill(process, signal.SIGKILL)
    assert pair.end() == [-signal.SIGKILL] * 2
    pair.start()
    assert pair.end() == [0, 0], pair.said(0)[-3000:] + pair.said(1)[-3000:]
    return pair


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class ByHand:
    """One process that computes what the two did together, from the checkpoint before each update."""

    def __init__(self, pair: Pair, data: dict[str, Path]) -> None:
        self.pair = pair
        cfg = OmegaConf.create(self.state(1)["cfg"])
        self.task = tasks.setup_task(cfg.task)
        self.model, self.criterion = self.task.build_model(cfg.model), self.task.build_criterion(cfg.criterion)
        pad, manifest = self.task.target_dictionary.pad(), read_manifest(data["audio"], "train", labels=False)
        labelled = read_part(data["labelled"], "train", self.task.target_dictionary)
        self.labelled = AudioDataset([labelled], pad=pad, seed=SEED)
        self.unlabelled = AudioDataset([DataPart(manifest.root, manifest.utterances, None)], pad=pad, seed=SEED)
        self.limit = cfg.dataset.max_tokens

    def state(self, updates: int) -> dict[str, Any]:
        (path,) = self.pair.checkpoints.glob(f"checkpoint_*_{updates}.pt")
        return dict(read_checkpoint(path))

    def holdings(self, updates: int) -> list[dict[str, Any]]:
        return self.state(updates)["extra_state"]["ContinuousTask"]["holdings"]

    def unlabelled_ranks(self, update: int) -> list[bool]:
        return [Schedule(WARM_UP, 1, 1, (SEED, rank)).is_unlabelled(update) for rank in (0, 1)]

    def batch(self, update: int, rank: int) -> dict[str, Any]:
        """What a process trained on in the update after so many."""
        holding = self.holdings(update)[rank]
        positions = holding["positions"]
        if not self.unlabelled_ranks(update)[rank]:
            stream = BatchStream(self.labelled, Batching(self.limit, 2, SEED, rank, 2))
            stream.go_to(positions["labelled_epoch"], positions["labelled_taken"])
            return self.labelled.collater([self.labelled[row] for row in stream.take()])
        slot = slot_of_visit(positions["visits"], CACHE, (SEED, rank, 1))
        cached = unpack(holding["batches"])[slot]
        batch = self.unlabelled.collater([self.unlabelled[row] for row in cached.rows])
        targets = [torch.from_numpy(own.astype(np.int64)) for own in cached.labels]
        batch = add_targets(batch, targets, self.unlabelled.pad)
        return {**batch, "weights": batch["weights"] * (batch["target_lengths"] > 0)}

    def loss(self, update: int, rank: int) -> tuple[torch.Tensor, int]:
        utils.set_torch_seed(SEED + update)
        self.model.load_state_dict(self.state(update)["model"])
        self.model.train()
        loss, size, _ = self.criterion(self.model, self.batch(update, rank))
        return loss, size


@pytest.fixture(scope="module")
def by_hand(whole: Pair, data: dict[str, Path]) -> ByHand:
    return ByHand(whole, data)


def test_processes_draw_different_kinds_and_hold_batches_of_their_own(by_hand: ByHand) -> None:
    kinds = [tuple(by_hand.unlabelled_ranks(update)) for update in range(WARM_UP, UPDATES)]
    assert set(kinds) == {(False, False), (False, True), (True, False), (True, True)}
    visits = [holding["positions"]["visits"] for holding in by_hand.holdings(UPDATES)]
    assert visits == [sum(kind[rank] for kind in kinds) for rank in (0, 1)]
    rows = [set(holding["batches"]["rows"].tolist()) for holding in by_hand.holdings(UPDATES)]
    assert all(rows)
    assert not rows[0] & rows[1]
    for rank, holding in enumerate(by_hand.holdings(UPDATES)):
        stream = BatchStream(by_hand.unlabelled, Batching(by_hand.limit, 2, SEED, rank, 2))
        assert rows[rank] <= {int(row) for _ in range(len(stream)) for row in stream.take()}
        assert len(holding["batches"]["units"]) > 0


def test_each_update_is_that_of_one_process_with_both_batches(by_hand: ByHand) -> None:
    """Also where the kinds differ, and where one of the batches was left out."""
    logged = {int(window["num_updates"]): window for window in by_hand.pair.windows()}
    for update in range(WARM_UP + 1, UPDATES):
        ranks = (0,) if update in SHORT else (0, 1)
        sums, losses = {True: [0.0, 0], False: [0.0, 0]}, []
        by_hand.model.zero_grad()
        for rank in ranks:
            loss, size = by_hand.loss(update, rank)
            loss.backward()
            losses.append(loss.item())
            own = sums[by_hand.unlabelled_ranks(update)[rank]]
            own[0], own[1] = own[0] + loss.item(), own[1] + size
        total = sum(size for _, size in sums.values())
        moments = by_hand.state(update + 1)["last_optimizer_state"]["state"]
        for number, (name, weight) in enumerate(by_hand.model.named_parameters()):
            grad = torch.zeros_like(weight) if weight.grad is None else weight.grad / total
            torch.testing.assert_close(
                moments[number]["exp_avg"], grad, rtol=1e-3, atol=1e-5, msg=lambda m, at=(update, name): f"{at}: {m}"
            )
        window = logged[update + 1]
        for unlabelled, key in ((False, "loss_labelled"), (True, "loss_unlabelled")):
            loss, size = sums[unlabelled]
            expected = loss / size / math.log(2) if size else None
            found = float(window[key]) if window.get(key) is not None else None
            assert found == pytest.approx(expected, abs=2e-3), (update, key)


def test_a_process_without_memory_leaves_none_waiting(whole: Pair, by_hand: ByHand) -> None:
    assert {by_hand.unlabelled_ranks(update)[1] for update in SHORT} == {True, False}
    assert whole.said(1).count("a batch is left out: CUDA out of memory") == len(SHORT)
    assert "done training in" in whole.said(0)


def test_killed_they_go_on_with_the_same_losses_to_the_same_weights(whole: Pair, killed: Pair) -> None:
    assert "Loaded checkpoint" in killed.said(0)
    expected = {window["num_updates"]: window for window in whole.windows()}
    assert len(expected) == UPDATES
    assert len(killed.windows()) >= UPDATES + 2
    assert all(window == expected[window["num_updates"]] for window in killed.windows())
    ends = [read_checkpoint(pair.checkpoints / "checkpoint_last.pt") for pair in (whole, killed)]
    assert all(torch.equal(value, ends[1]["model"][name]) for name, value in ends[0]["model"].items())
    assert repr(ends[0]["extra_state"]["ContinuousTask"]) == repr(ends[1]["extra_state"]["ContinuousTask"])


def test_another_number_of_processes_is_refused(killed: Pair, server: Any) -> None:
    output = server.run(killed.folder / "alone.log", "fairseq_cli.hydra_train:cli_main", *killed.words(), status=1)
    assert "number of processes differ" in output
