"""Work done in threads ahead of its use, by a bounded amount."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

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
