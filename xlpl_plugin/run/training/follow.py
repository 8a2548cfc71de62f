"""A training's log while it grows: shown as progress, and watched for the end of all learning."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

_LINES_SHOWN = 15
# fairseq's log lines, with log_format json ("num_updates": "100") or simple (num_updates=100)
_FIELD = re.compile(r"""\b(num_updates|train_loss|valid_loss|loss)["']?\s*[:=]\s*["']?([-+.\w]+)""")
_NO_NUMBER = re.compile(r"[-+]?(nan|inf)", re.IGNORECASE)
# fairseq's own check of the gradients, and torch's
_DIVERGED = re.compile(r"\bFloatingPointError\b|\bFunction '?\w+'? returned nan\b")


class GrowingFile:
    """What is appended to a file that others write and that may not exist yet."""

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path, self._position = path, position

    def lines(self) -> list[str]:
        """Return the whole lines appended since the last call, without their ends."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self._position)
                read = stream.read()
        except FileNotFoundError:
            return []
        whole = read[: read.rfind(b"\n") + 1]
        self._position += len(whole)
        return whole.decode("utf-8", errors="replace").split("\n")[:-1]


@dataclass(frozen=True)
class Followed:
    """``end``: the last lines; ``diverged``: the line that says that the training computes nan or inf, or ''."""

    end: Sequence[str]
    diverged: str


def follow(
    logs: Sequence[GrowingFile],
    ended: Callable[[], bool],
    *,
    title: str,
    max_update: int | None,
    copy: TextIO | None = None,
) -> Followed:
    """Show the progress of a training until it has ended or diverged.

    Args:
        ended: waits a moment and says whether the training has ended.
        copy: where the lines are written as well.
    """
    end: deque[str] = deque(maxlen=_LINES_SHOWN)
    losses: dict[str, str] = {}
    with tqdm(total=max_update, desc=title, unit="update") as bar:
        over = False
        while not over:
            over = ended()  # asked before the logs are read: what was written before the end is read
            for line in (line for log in logs for line in log.lines()):
                end.append(line)
                if copy:
                    copy.write(f"{line}\n")
                found = dict(_FIELD.findall(line))
                updates = found.pop("num_updates", "")
                losses.update(found)
                if updates.isdigit():
                    bar.set_postfix(losses, refresh=False)
                    bar.update(int(updates) - bar.n)
                if _DIVERGED.search(line) or any(_NO_NUMBER.fullmatch(value) for value in found.values()):
                    return Followed(tuple(end), line.strip())
            if copy:
                copy.flush()
    return Followed(tuple(end), "")
