"""One process at a time in a run directory, on one machine and on a disk that several share."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import make_folder, system_errors
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.run.layout import RunLayout

_PATIENCE = 10.0  # seconds; a trainer whose driver was killed needs a moment to end
# seconds between two signs of life of a driver, and for which another machine's waits for one
_BEAT, _SILENCE = 10.0, 60.0
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@dataclass(frozen=True)
class Holder(JsonRecord):
    """``run.holder``: who works in a run. It is there while the work lasts, and is touched again and again.

    Attributes:
        boot: of the machine, since several may have one name.
    """

    host: str
    boot: str
    process: int

    holds = "the holder of a run"
    written_by = "`xlpl iterate`"

    @classmethod
    def here(cls) -> Holder:
        boot = Path("/proc/sys/kernel/random/boot_id")
        return cls(socket.gethostname(), boot.read_text().strip() if boot.exists() else "", os.getpid())

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


@contextlib.contextmanager
def locked(layout: RunLayout, patience: float = _PATIENCE) -> Iterator[int]:
    """Hold the run for this process and its children; yields the lock's file descriptor.

    A trainer inherits the descriptor: while one lives whose driver was killed, no second one can write beside it.
    Network disks keep such locks to one machine, or have none, as they are mounted. So the driver writes its name as
    well, in a file that only one can make, and gives signs of life there.

    Args:
        patience: for so many seconds it waits for another process of this machine.

    Raises:
        XlplError: another process works in this run, here or on another machine.
    """
    make_folder(layout.run)
    with layout.lock.open("a") as stream:
        alone = _take(stream, layout, patience)
        own = Holder.here()
        _take_name(layout.holder, own, alone)
        over = threading.Event()
        beats = threading.Thread(target=_beat, args=(layout.holder, over), name="sign-of-life", daemon=True)
        beats.start()
        try:
            yield stream.fileno()
        finally:
            over.set()
            beats.join()
            _remove(layout.holder, own)


def _take(stream: TextIOWrapper, layout: RunLayout, patience: float) -> bool:
    """Take the lock; return whether this disk has locks."""
    deadline, told = time.monotonic() + patience, False
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _taken(layout.lock, "another process", "fuser names it") from None
            if not told:
                _say(f"{layout.lock}: another process is at work here; waiting for it")
                told = True
            time.sleep(0.1)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            tqdm.write(
                f"{layout.lock}: this disk has no locks; {layout.holder.name} alone guards the run", file=sys.stderr
            )
            return False


def _take_name(file: Path, own: Holder, alone: bool) -> None:
    """Write this process's name; take away that of a driver which gives no sign of life.

    Args:
        alone: no other process of this machine works in the run.
    """
    while not _made(file, own):
        other = _read(file)
        if not (alone and other and (other.host, other.boot) == (own.host, own.boot)):  # else it was left by a kill
            where = str(other or "another process")
            _say(f"{file}: {where} was at work here; waiting {_SILENCE:.0f} s for a sign of life")
            if _lives(file):
                raise _taken(file, where, "on its machine")
            _say(f"{file}: there was none; the run goes on here")
        _remove(file, other)


def _made(file: Path, own: Holder) -> bool:
    """Make the file unless it is there; of several processes one alone can, on network disks too."""
    with system_errors(file, "a folder to write to"):
        try:
            with file.open("x", encoding="utf-8") as stream:
                json.dump(asdict(own), stream)
        except FileExistsError:
            return False
    return True


def _read(file: Path) -> Holder | None:
    """Return who holds the run; None where the file is gone, half written or damaged."""
    with contextlib.suppress(XlplError):
        return Holder.read(file)
    return None


def _remove(file: Path, holder: Holder | None) -> None:
    """Remove the file unless it is another's by now."""
    if _read(file) == holder:
        file.unlink(missing_ok=True)


def _lives(file: Path) -> bool:
    first, deadline = _touched(file), time.monotonic() + _SILENCE
    while time.monotonic() < deadline:
        time.sleep(min(1.0, _SILENCE / 10))
        if _touched(file) != first:
            return True
    return False


def _touched(file: Path) -> int:
    """Return when the file was last touched; opened, so that a network disk tells what it is now."""
    try:
        with file.open("rb") as stream:
            return os.fstat(stream.fileno()).st_mtime_ns
    except FileNotFoundError:
        return 0


def _beat(file: Path, over: threading.Event) -> None:
    while not over.wait(_BEAT):
        with contextlib.suppress(OSError):
            os.utime(file)


def _taken(file: Path, who: str, where: str) -> XlplError:
    return XlplError(
        f"{who} works in this run directory",
        file=file,
        expected="one 'xlpl iterate' at a time in a run directory",
        remedy=f"wait for it, or end it ({where}), then give the same command again",
    )


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
