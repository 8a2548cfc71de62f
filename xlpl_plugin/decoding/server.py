"""The process behind ``DecoderPool``: builds the decoder once and forks workers. Not for use by hand."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from xlpl_plugin.decoding import Decoder, build_decoder
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.pool import Decoded, Task
from xlpl_plugin.errors import XlplError


def main(control_fd: int) -> None:
    """Fork a worker for each connection that comes through ``control_fd``, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator hears Ctrl-C and closes the connections
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers that end leave no zombies
    control = Connection(control_fd)
    try:
        config, units = control.recv()
        decoder = build_decoder(config, units)
    except XlplError as error:
        control.send(XlplError(str(error)))
        return
    except EOFError:
        return
    control.send(decoder.dropped)
    greedy = GreedyDecoder(units)
    _settle()
    while True:
        try:
            handle = recv_handle(control)
        except (EOFError, OSError):
            os._exit(0)  # to return would free the trie node by node, a second for a large one
        if os.fork() == 0:
            control.close()
            _serve(Connection(handle), decoder, greedy)
            os._exit(0)
        os.close(handle)


def _serve(connection: Connection, decoder: Decoder, greedy: GreedyDecoder) -> None:
    """Answer tasks with what was decoded, or with the text of an error, until the other end is closed."""
    connection.send(os.getpid())
    current, used = decoder, None
    while True:
        try:
            task: Task = connection.recv()
        except (EOFError, OSError):
            return
        if task.weights != used:
            current, used = decoder.weighted(task.weights) if task.weights else decoder, task.weights
        try:
            connection.send(_decode(task, current, greedy))
        except Exception as error:
            connection.send(str(error) if isinstance(error, XlplError) else f"{type(error).__name__}: {error}")


def _decode(task: Task, decoder: Decoder, greedy: GreedyDecoder) -> Decoded:
    before = decoder.search_seconds
    hypotheses = decoder.decode(task.log_probs)
    path = greedy.decode(task.log_probs)[0] if task.greedy else None
    return Decoded(task.id, hypotheses, path, decoder.search_seconds - before)


def _settle() -> None:
    """Give the memory of building back, and leave alone what is shared: a worker would copy what it touches."""
    gc.collect()
    gc.freeze()
    with suppress(AttributeError):  # only the GNU C library has it
        ctypes.CDLL(None).malloc_trim(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
