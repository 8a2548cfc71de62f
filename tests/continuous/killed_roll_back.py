"""Rolls a training back, killed at the moment of the given change to its folder; a command of ``server.py``."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from xlpl_plugin.continuous.rollback import roll_back


def main() -> None:
    call, folder, *collapse = sys.argv[1:]
    changes = 0

    def count(event: str, _: object) -> None:
        nonlocal changes
        if event not in ("os.rename", "os.remove"):
            return
        changes += 1
        if changes == int(call):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    update, reason, now, then = map(json.loads, collapse)
    roll_back(Path(folder), update, reason, now, then)
