"""One process at a time in a run directory."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder
from xlpl_plugin.run.layout import RunLayout

_PATIENCE = 10.0  # seconds; a trainer whose driver was killed needs a moment to end


@contextlib.contextmanager
def locked(layout: RunLayout) -> Iterator[int]:
    """Hold the run for this process and its children; yields the lock's file descriptor.

    A trainer inherits the descriptor: while one lives whose driver was killed, no second one can write beside it.
    """
    make_folder(layout.run)
    with layout.lock.open("a") as stream:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise XlplError(
                        "another process works in this run directory",
                        file=layout.lock,
                        expected="one 'xlpl iterate' at a time in a run directory",
                        remedy="wait for it, or end it (fuser names it), then give the same command again",
                    ) from None
                time.sleep(0.1)
        yield stream.fileno()
