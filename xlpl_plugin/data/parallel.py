"""A function over many files in several processes, with a progress bar."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from tqdm import tqdm

Job = TypeVar("Job")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int, title: str
) -> Iterator[Result]:
    """Yield the results in the order of ``jobs``; an error of one job ends all.

    Args:
        function: importable by name, since it runs in other processes.
        workers: 0 = one for each core; 1 = in this process.
    """
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    with tqdm(total=len(jobs), desc=title, unit="file", disable=None) as bar:
        for result in map(function, jobs) if workers <= 1 else _pooled(function, jobs, workers):
            bar.update()
            yield result


def _pooled(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    # not fork: the parent may hold the threads of torch or of a decoder
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        try:
            yield from pool.map(function, jobs, chunksize=8)
        finally:
            pool.shutdown(cancel_futures=True)
