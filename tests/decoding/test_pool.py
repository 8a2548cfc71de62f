"""Worker processes: same answers as one process, errors with ids, and workers that die."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.decoding import DecoderConfig, Hypothesis, Weights, build_decoder
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.pool import Decoded, DecoderPool, Task
from xlpl_plugin.errors import XlplError

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")


@pytest.fixture
def config(tmp_path: Path) -> DecoderConfig:
    path = tmp_path / "lexicon.txt"
    path.write_text("Ab\ta b |\nÀ\ta |\nBb\tb b |\n", encoding="utf-8")
    return DecoderConfig(lexicon=str(path), beam=50)


def tasks(number: int, frames: int = 20) -> list[Task]:
    logits = np.random.default_rng(5).normal(size=(number, frames, len(UNITS))) * 3
    log_probs = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
    return [Task(f"u{i}", log_probs[i].astype(np.float32)) for i in range(number)]


def by_id(results: Iterable[Decoded]) -> dict[str, list[Hypothesis]]:
    return {decoded.id: decoded.hypotheses for decoded in results}


def test_what_cannot_be_built_is_refused_on_entry(config: DecoderConfig, tmp_path: Path) -> None:
    config.lm = str(tmp_path / "none.arpa")
    with pytest.raises(XlplError, match=r"none\.arpa"), DecoderPool(config, UNITS, 1):
        pass


def test_an_error_names_the_utterance(config: DecoderConfig) -> None:
    bad = Task("speaker/7", np.zeros((3, 9), np.float32))
    with DecoderPool(config, UNITS, 2) as pool, pytest.raises(XlplError, match=r"(?s)speaker/7.*7 units"):
        list(pool.decode([*tasks(5), bad, *tasks(5)]))


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_decode_as_one_process_does(config: DecoderConfig, workers: int) -> None:
    decoder = build_decoder(config, UNITS)
    with DecoderPool(config, UNITS, workers) as pool:
        found = by_id(pool.decode(tasks(40)))
        again = by_id(pool.decode(tasks(40)))
    assert found == {task.id: decoder.decode(task.log_probs) for task in tasks(40)}
    assert again == found


def test_the_greedy_path_comes_where_it_is_asked_for(config: DecoderConfig) -> None:
    config.blank_penalty = 3.0
    with DecoderPool(config, UNITS, 2) as pool:
        both = (task._replace(greedy=int(task.id[1:]) % 2 == 0) for task in tasks(10))
        found = {decoded.id: decoded.greedy for decoded in pool.decode(both)}
    expected = {task.id: GreedyDecoder(UNITS).decode(task.log_probs)[0] for task in tasks(10)}
    assert found == {name: path if int(name[1:]) % 2 == 0 else None for name, path in expected.items()}


def test_time_in_the_search_is_told(config: DecoderConfig) -> None:
    with DecoderPool(config, UNITS, 1) as pool:
        started = time.monotonic()
        seconds = [decoded.search_seconds for decoded in pool.decode(tasks(10, frames=200))]
        passed = time.monotonic() - started
    assert min(seconds) > 0
    assert sum(seconds) < passed
    with DecoderPool(DecoderConfig(), UNITS, 1) as pool:
        assert [decoded.search_seconds for decoded in pool.decode(tasks(3))] == [0.0] * 3


def test_words_without_room_are_known(config: DecoderConfig) -> None:
    with DecoderPool(config, UNITS, 1) as pool:
        assert pool.dropped == ()
    # words that no LM tells apart: one a spelling
    Path(config.lexicon).write_text("Ab\ta b |\nBb\tb b |\nÀb\ta b |\nÁb\ta b |\n", encoding="utf-8")
    with DecoderPool(config, UNITS, 2) as pool:
        assert pool.dropped == ("Àb", "Áb")


def test_a_worker_shares_trie_and_lexicon(config: DecoderConfig) -> None:
    spellings = itertools.islice(itertools.product("ab", repeat=16), 40_000)
    lines = (f"{''.join(spelling)}\t{' '.join(spelling)} |\n" for spelling in spellings)
    Path(config.lexicon).write_text("".join(lines))
    with DecoderPool(config, UNITS, 2) as pool:
        assert len(by_id(pool.decode(tasks(30)))) == 30
        shared = _memory(pool.worker_pids[0], "Rss")
        private = [_memory(pid, "Private_Dirty") for pid in pool.worker_pids.values()]
    assert shared > 60_000
    assert max(private) < 15_000


def _memory(pid: int, kind: str) -> int:
    """Return kB of a process's memory of one kind."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def test_a_burst_larger_than_the_queue_does_not_stall(config: DecoderConfig) -> None:
    """A batch of the acoustic model may hold more utterances than the pool takes, and fewer workers than tasks."""
    burst = tasks(300, frames=3)
    with DecoderPool(config, UNITS, 3) as pool:
        for _ in range(3):
            assert set(by_id(pool.decode(iter(burst)))) == {task.id for task in burst}
        assert list(pool.decode([])) == []
        assert len(by_id(pool.decode(burst[:1]))) == 1


def test_nothing_is_left_after_an_early_exit(config: DecoderConfig) -> None:
    threads = threading.active_count()
    with DecoderPool(config, UNITS, 2) as pool:
        results = pool.decode(tasks(1000, frames=30))
        next(results)
        results.close()
        pids = [*pool.worker_pids.values(), pool.pid]
    assert threading.active_count() == threads
    deadline = time.monotonic() + 5  # workers are not ours to wait for
    while any(map(_is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(_is_alive, pids))


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_weights_of_a_task_are_used(config: DecoderConfig) -> None:
    decoder = build_decoder(config, UNITS)
    dear = Weights(lm_weight=0.0, word_score=-30.0)
    with DecoderPool(config, UNITS, 2) as pool:
        both = (task._replace(id=f"{task.id}{w}", weights=w) for task in tasks(6) for w in (None, dear))
        found = by_id(pool.decode(both))
    for task in tasks(6):
        assert found[f"{task.id}None"] == decoder.decode(task.log_probs)
        assert found[f"{task.id}{dear}"] == decoder.weighted(dear).decode(task.log_probs)  # type: ignore[attr-defined]


def test_tasks_are_drawn_as_they_are_decoded(config: DecoderConfig) -> None:
    drawn = 0

    def counted() -> Iterator[Task]:
        nonlocal drawn
        for task in tasks(200, frames=2):
            drawn += 1
            yield task

    with DecoderPool(config, UNITS, 1) as pool:
        for done, _ in enumerate(pool.decode(counted()), start=1):
            assert drawn - done <= 8


def test_a_killed_worker_is_replaced(config: DecoderConfig) -> None:
    with DecoderPool(config, UNITS, 2) as pool:
        results = pool.decode(tasks(60))
        found = by_id([next(results)])
        killed = dict(pool.worker_pids)
        for pid in killed.values():
            os.kill(pid, signal.SIGKILL)
        found.update(by_id(results))
        assert set(pool.worker_pids.values()).isdisjoint(killed.values())
    assert found == {task.id: build_decoder(config, UNITS).decode(task.log_probs) for task in tasks(60)}


def test_an_utterance_that_kills_its_workers_comes_back_empty(config: DecoderConfig) -> None:
    config.beam, config.beam_threshold = 20_000, 1e4  # long enough under way to be killed
    stop = threading.Event()

    def kill_all(pool: DecoderPool) -> None:
        seen: set[int] = set()
        while not stop.wait(0.02) and len(seen) < 2:
            for pid in set(pool.worker_pids.values()) - seen:
                os.kill(pid, signal.SIGKILL)
                seen.add(pid)

    with DecoderPool(config, UNITS, 1) as pool:
        killer = threading.Thread(target=kill_all, args=(pool,))
        results = pool.decode([*tasks(1, frames=100), *tasks(2, frames=5)[1:]])
        killer.start()
        found = by_id(results)
        stop.set()
        killer.join()
    assert found["u0"] == []
    assert found["u1"] != []


def test_a_worker_that_dies_idle_costs_no_utterance_a_try(config: DecoderConfig) -> None:
    decoder = build_decoder(config, UNITS)
    only = tasks(1)
    with DecoderPool(config, UNITS, 1) as pool:
        for _ in range(3):
            (decoded,) = pool.decode(only)
            assert decoded.hypotheses == decoder.decode(only[0].log_probs)
            killed = pool.worker_pids[0]
            os.kill(killed, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while Path(f"/proc/{killed}").exists() and time.monotonic() < deadline:
                time.sleep(0.01)


def test_the_shared_process_dies(config: DecoderConfig) -> None:
    with DecoderPool(config, UNITS, 1) as pool:
        list(pool.decode(tasks(1)))
        os.kill(pool.pid, signal.SIGKILL)
        os.kill(pool.worker_pids[0], signal.SIGKILL)
        with pytest.raises(XlplError, match="ends as soon as it is started"):
            list(pool.decode(tasks(1)))
