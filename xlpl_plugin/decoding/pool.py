"""Decoding in worker processes: the C++ decoder holds the GIL and does not pickle, so threads would not help.

One child process builds trie and LM and forks a worker whenever it is handed a connection; the workers share
its memory. That child never loads torch, so that nothing of CUDA or of a thread pool is forked. Every worker is
fed by a thread here that waits for its answer; a worker that dies is replaced and its utterance tried again.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import NamedTuple

from xlpl_plugin.decoding.hypothesis import Hypothesis, LogProbs
from xlpl_plugin.decoding.options import DecoderConfig, Weights
from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import check_options

# utterances under way for each worker: enough to bridge the time in which the acoustic model computes a batch
_AHEAD = 8
_TRIES = 2
_CRASH = (EOFError, ConnectionError)


class Task(NamedTuple):
    """One utterance to decode; ``weights`` other than the config's are for tuning.

    With ``greedy``, the acoustic model's own path is wanted too, without LM and without a penalty of the blank.
    """

    id: str
    log_probs: LogProbs
    weights: Weights | None = None
    greedy: bool = False


class Decoded(NamedTuple):
    """What came of a task: ``hypotheses`` is empty where the utterance killed its worker twice.

    ``greedy`` is None where it was not asked for, or the worker died. ``search_seconds`` is CPU time inside the
    C++ search, 0 for greedy decoding.
    """

    id: str
    hypotheses: list[Hypothesis]
    greedy: Hypothesis | None = None
    search_seconds: float = 0.0


class DecoderPool:
    """``workers`` processes that decode utterances; use it in a ``with`` block.

    Attributes:
        dropped: words that are not searched for: the units cannot write them, or likelier ones are spelled alike, and
            the trie has no room; known inside the block.
        pid: the process that the workers are forked from, and that holds what they share.
        worker_pids: the worker processes, by number.

    Raises:
        XlplError: on entry, whatever ``build_decoder`` refuses.
    """

    def __init__(self, config: DecoderConfig, units: Sequence[str], workers: int) -> None:
        if workers < 1:
            raise XlplError(f"workers={workers}", expected="a whole number of at least 1")
        check_options(config, "decoder")
        self.config, self.units, self.workers = config, tuple(units), workers
        self.dropped: tuple[str, ...] = ()
        self.pid = 0
        self.worker_pids: dict[int, int] = {}
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Decoded | BaseException] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> DecoderPool:
        self._control, theirs = Pipe()
        here = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "xlpl_plugin.decoding.server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",  # a process that forks must have no threads
                "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")])),
            },
        )
        theirs.close()
        try:
            self._control.send((self.config, self.units))
            answer: tuple[str, ...] | XlplError = self._control.recv()
        except _CRASH:
            answer = XlplError("the decoder's process died while it built the decoder (out of memory?)")
        if isinstance(answer, XlplError):
            self._end_process()
            raise answer
        self.dropped, self.pid = answer, self._process.pid
        for number in range(self.workers):
            thread = threading.Thread(target=self._feed, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        for _thread in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._end_process()

    def decode(self, tasks: Iterable[Task]) -> Iterator[Decoded]:
        """Yield what was decoded as it comes, in no particular order.

        Tasks are drawn only as fast as they are decoded. An utterance that killed its worker twice comes with an
        empty list. If the caller leaves early, the pool cannot be used again.

        Raises:
            XlplError: an utterance cannot be decoded (its id is named).
        """
        under_way = 0
        for task in tasks:
            self._tasks.put(task)
            under_way += 1
            while under_way >= self.workers * _AHEAD:
                yield self._next_result()
                under_way -= 1
        for _ in range(under_way):
            yield self._next_result()

    def _next_result(self) -> Decoded:
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def _feed(self, number: int) -> None:
        try:
            connection = self._new_worker(number)
            while (task := self._tasks.get()) is not None:
                answer: Decoded | str = Decoded(task.id, [])
                for _ in range(_TRIES):
                    if connection.poll():  # it died idle, which is not the task's fault
                        connection = self._replace(connection, number)
                    try:
                        connection.send(task)
                        answer = connection.recv()
                        break
                    except _CRASH:
                        connection = self._replace(connection, number)
                if isinstance(answer, str):
                    self._results.put(XlplError(f"utterance {task.id!r}: {answer}"))
                else:
                    self._results.put(answer)
            connection.close()
        except BaseException as error:  # an error here must not leave the reader waiting for ever
            self._results.put(error)

    def _replace(self, connection: Connection, number: int) -> Connection:
        connection.close()
        return self._new_worker(number)

    def _new_worker(self, number: int) -> Connection:
        for _ in range(_TRIES):
            ours, theirs = Pipe()
            try:
                with self._lock:
                    send_handle(self._control, theirs.fileno(), self._process.pid)
                theirs.close()
                self.worker_pids[number] = ours.recv()
                return ours
            except _CRASH:
                theirs.close()
                ours.close()
        raise XlplError(
            "a decoding process ends as soon as it is started",
            expected="workers that live",
            remedy="look for a lack of memory, then run the same command again with fewer workers",
        )

    def _end_process(self) -> None:
        self._control.close()
        self._process.wait()
