"""The process behind ``DecoderPool``: builds the decoder once and forks workers. Not for use by hand."""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle

from xlpl_plugin.decoding import Decoder, Weights, build_decoder
from xlpl_plugin.decoding.beam import BeamDecoder
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
    control.send(None)
    while True:
        try:
            handle = recv_handle(control)
        except (EOFError, OSError):
            return
        if os.fork() == 0:
            control.close()
            _serve(Connection(handle), decoder)
            os._exit(0)
        os.close(handle)


def _serve(connection: Connection, decoder: Decoder) -> None:
    """Answer tasks with hypotheses, or with the text of an error, until the other end is closed."""
    connection.send(os.getpid())
    current, used = decoder, Weights(0.0, 0.0)
    while True:
        try:
            _, log_probs, weights = connection.recv()
        except (EOFError, OSError):
            return
        if weights is None:
            current = decoder
        elif isinstance(decoder, BeamDecoder) and (weights != used or current is decoder):
            current, used = decoder.weighted(weights), weights
        try:
            answer = current.decode(log_probs)
        except Exception as error:
            connection.send(str(error) if isinstance(error, XlplError) else f"{type(error).__name__}: {error}")
        else:
            connection.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
