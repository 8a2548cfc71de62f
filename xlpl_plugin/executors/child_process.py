"""A child process that ends with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from xlpl_plugin.errors import XlplError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_END_PATIENCE = 60.0  # seconds for a trainer to end its own children


def start_child(
    command: Sequence[str], settings: Mapping[str, str], log: Path, keep_open: Sequence[int]
) -> subprocess.Popen[bytes]:
    # written by the child itself: processes that it leaves behind cannot make us wait for the end of a pipe
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **settings, "PYTHONUNBUFFERED": "1"},
                pass_fds=tuple(keep_open),
                preexec_fn=die_with_parent if _LIBC else None,
            )
        except OSError as error:
            raise XlplError(f"cannot start the trainer: {error}", file=command[0], expected="an executable") from error


def die_with_parent() -> None:
    """In a child: end when the parent is killed, so that nothing goes on unseen."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_child(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_END_PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
