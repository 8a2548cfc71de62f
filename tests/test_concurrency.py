"""Threads and processes that work beside: order, errors, bounds, and nothing left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.concurrency import map_ahead, parallel_map, prefetch, stream_map
from xlpl_plugin.errors import XlplError


def counted(number: int, drawn: list[int]) -> Generator[int, None, None]:
    try:
        for item in range(number):
            drawn.append(item)
            yield item
    finally:
        drawn.append(-1)


def test_an_error_comes_after_what_was_there_before_it() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        yield 2
        raise LookupError("here")

    found: list[int] = []
    with pytest.raises(LookupError, match="here"):
        found.extend(prefetch(failing(), 5))
    assert found == [1, 2]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_is_drawn_than_allowed(ahead: int) -> None:
    drawn: list[int] = []
    for done, item in enumerate(prefetch(counted(30, drawn), ahead)):
        assert item == done
        time.sleep(0.002)
        assert len(drawn) <= done + ahead + (done + ahead > 30)
    assert drawn == [*range(30), -1]


def test_the_next_item_is_made_while_the_caller_is_busy() -> None:
    drawn: list[int] = []
    items = prefetch(counted(30, drawn), 3)
    next(items)
    deadline = time.monotonic() + 5
    while len(drawn) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert drawn == [0, 1, 2]
    items.close()


def test_leaving_early_ends_the_thread_and_closes_the_items() -> None:
    drawn: list[int] = []
    threads = threading.active_count()
    items = prefetch(counted(1000, drawn), 2)
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert threading.active_count() == threads
    assert drawn[-1] == -1
    assert len(drawn) <= 4


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 10), max_size=40), limit=st.integers(1, 30), threads=st.integers(1, 4))
def test_results_come_in_order_within_the_limit(sizes: list[int], limit: int, threads: int) -> None:
    begun: list[int] = []

    def square(job: tuple[int, int]) -> int:
        begun.append(job[0])
        return job[1] ** 2

    results = map_ahead(square, list(enumerate(sizes)), lambda job: job[1], limit=limit, threads=threads)
    for done, result in enumerate(results):
        assert result == sizes[done] ** 2
        held = sizes[done : max(begun) + 1]
        assert len(held) <= 2 or sum(held[:-1]) < limit
    assert sorted(begun) == list(range(len(sizes)))


def test_map_ahead_passes_errors_and_ends_its_threads() -> None:
    threads = threading.active_count()
    results = map_ahead(lambda number: 1 // (5 - number), range(100), lambda _: 1.0, limit=3, threads=2)
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert threading.active_count() == threads


# functions of the standard library, since a worker must be able to import them
@pytest.mark.parametrize(("workers", "jobs"), [(1, 50), (2, 50), (2, 1), (2, 0)])
def test_a_stream_of_jobs_keeps_its_order(
    workers: int, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    names = map(str, range(jobs))
    results = list(stream_map(os.path.abspath, names, workers=workers, start=os.chdir, state=(tmp_path,)))
    assert results == [str(tmp_path / str(number)) for number in range(jobs)]
    in_this_process = workers == 1 or jobs < 2
    assert (Path.cwd() == tmp_path) is in_this_process


def test_a_stream_draws_few_jobs_ahead() -> None:
    drawn: list[int] = []
    jobs = (drawn.append(number) or number for number in range(1000))
    results = stream_map(abs, jobs, workers=2, start=os.getcwd, state=())
    assert [next(results) for _ in range(10)] == list(range(10))
    assert len(drawn) < 30
    results.close()


def test_a_worker_that_dies() -> None:
    with pytest.raises(XlplError, match=r"worker process was killed[\s\S]*fewer than 2"):
        list(stream_map(os._exit, range(9), workers=2, start=os.getcwd, state=()))


@dataclass(frozen=True)
class Power:
    """A job for other processes, with a setting."""

    exponent: int

    def __call__(self, base: int) -> int:
        if base < 0:
            raise XlplError(f"base {base}")
        return base**self.exponent


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("weight", [0.01, 1.0, 5.0])
def test_processes_answer_in_order(workers: int, weight: float) -> None:
    jobs = range(300)
    results = parallel_map(Power(2), iter(jobs), total=300, workers=workers, title="", weight=lambda job: weight)
    assert list(results) == [job**2 for job in jobs]


def test_jobs_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []
    results = parallel_map(Power(1), counted(5000, drawn), total=5000, workers=2, title="", weight=lambda job: 1)
    assert next(results) == 0
    assert len(drawn) < 300
    results.close()  # type: ignore[attr-defined]
    assert drawn[-1] == -1


def test_an_error_of_a_process_ends_all() -> None:
    results = parallel_map(Power(1), [1, 2, -3, *range(100)], workers=2, title="")
    with pytest.raises(XlplError, match="base -3"):
        list(results)


def test_a_process_that_dies_is_said() -> None:
    with pytest.raises(XlplError, match=r"worker process was killed[\s\S]*fewer than 2"):
        list(parallel_map(os._exit, range(9), workers=2, title=""))
