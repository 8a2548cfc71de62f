"""Work beside the caller's: in threads ahead of its use, by a bounded amount, or in processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, TypeVar

from tqdm import tqdm

from xlpl_plugin.errors import XlplError

# so many chunks of recordings that no process waits while the first of them is a long one
_CHUNKS_AHEAD = 64

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(items: Generator[Item, None, None], ahead: int) -> Generator[Item, None, None]:
    """Yield ``items``, which a thread draws while the caller is busy: ``ahead`` at most that it is not done with.

    An error in ``items`` is raised here, after what came before it. When the caller ends early and closes this
    generator, ``items`` is closed in its thread, and the thread has ended before ``close`` returns.
    """
    slots = Semaphore(ahead)
    ready: SimpleQueue[tuple[Item] | BaseException | None] = SimpleQueue()
    left = False

    def draw() -> None:
        try:
            with closing(items):
                while slots.acquire() and not left:
                    ready.put((next(items),))
        except StopIteration:
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    thread = Thread(target=draw, name="prefetch", daemon=True)
    thread.start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
            slots.release()
    finally:
        left = True
        slots.release()
        thread.join()


def map_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    size: Callable[[Item], float],
    *,
    limit: float,
    threads: int,
) -> Generator[Result, None, None]:
    """Yield the results in the order of ``items``, computed in threads.

    While the caller is busy, the next item is under way, and further ones as long as the sizes of all that it is not
    done with are below ``limit``.
    """
    executor = ThreadPoolExecutor(threads, thread_name_prefix="map-ahead")
    under_way: deque[tuple[Future[Result], float]] = deque()
    held = 0.0
    try:
        for item in items:
            while len(under_way) > 1 and held >= limit:
                future, weight = under_way.popleft()
                yield future.result()
                held -= weight
            under_way.append((executor.submit(function, item), size(item)))
            held += size(item)
        while under_way:
            yield under_way.popleft()[0].result()
    finally:
        executor.shutdown(cancel_futures=True)


def parallel_map(
    function: Callable[[Item], Result],
    jobs: Iterable[Item],
    *,
    workers: int,
    title: str,
    total: int | None = None,
    weight: Callable[[Item], float] = lambda job: 1 / 8,
) -> Iterator[Result]:
    """Yield the results in the order of ``jobs``; an error of one job ends all.

    Jobs are drawn as they are needed, and few results wait: the memory does not grow with their number.

    Args:
        function: importable by name, or a dataclass with a ``__call__``, since it runs in other processes.
        workers: 0 = one for each core; 1 = in this process.
        total: how many jobs there are, where they have no length.
        weight: of a job; a process is given jobs of weight 1 at a time, one at least.
    """
    if total is None:
        jobs = list(jobs)
        total = len(jobs)
    workers = min(workers or os.cpu_count() or 1, max(1, total))
    chunks = _chunks(jobs, weight) if workers > 1 else ([job] for job in jobs)
    with tqdm(total=total, desc=title, unit="file", disable=None) as bar:
        for results in stream_map(partial(_each, function), chunks, workers=workers, ahead=_CHUNKS_AHEAD):
            for result in results:
                bar.update()
                yield result


def _chunks(jobs: Iterable[Item], weight: Callable[[Item], float]) -> Iterator[list[Item]]:
    chunk, held = list[Item](), 0.0
    for job in jobs:
        chunk.append(job)
        held += weight(job)
        if held >= 1:
            yield chunk
            chunk, held = [], 0.0
    if chunk:
        yield chunk


def _each(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(job) for job in chunk]


def stream_map(
    function: Callable[[Item], Result],
    jobs: Iterable[Item],
    *,
    workers: int,
    start: Callable[..., object] = tuple,
    state: tuple[Any, ...] = (),
    ahead: int = 3,
) -> Generator[Result, None, None]:
    """Yield the results in the order of ``jobs``, which are drawn as they are needed.

    A single job is done in this process.

    Args:
        function: importable by name, since it runs in other processes.
        workers: 0 = one for each core; 1 = in this process.
        start: called with ``state`` in each process before its first job.
        ahead: jobs under way for each worker: more where one can take much longer than others.

    Raises:
        XlplError: a worker died.
    """
    workers = workers or os.cpu_count() or 1
    jobs = iter(jobs)
    first = list(islice(jobs, 2))
    if workers == 1 or len(first) < 2:
        start(*state)
        yield from map(function, chain(first, jobs))
        return
    # not fork: the parent may hold the threads of torch or of a decoder
    pool = ProcessPoolExecutor(workers, get_context("forkserver"), initializer=_begin, initargs=(start, *state))
    under_way: deque[Future[Result]] = deque()
    try:
        for job in chain(first, jobs):
            under_way.append(pool.submit(function, job))
            if len(under_way) > ahead * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise XlplError(
            "a worker process was killed",
            expected="memory for each of them",
            remedy=f"take fewer than {workers} workers",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(start: Callable[..., object], *state: Any) -> None:
    """Prepare a worker; it ends when the process that started it is gone, even by a kill."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, name="watch-parent", daemon=True).start()
    start(*state)
