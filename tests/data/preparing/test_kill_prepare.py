"""A preparation that is killed leaves no folder that looks whole, and no processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.preparing import hiss, save

from xlpl_plugin.data.manifest import read_manifest

PROGRAM = "import sys; from xlpl_plugin.cli import main; sys.argv[0] = 'xlpl'; main()"


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Return the processes below one, by /proc."""
    below = [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]
    return below + [one for child in below for one in children(child)]


def test_killed_and_given_again(tmp_path: Path) -> None:
    first = save(tmp_path / "in" / "00000.flac", hiss(20))
    for number in range(1, 1500):
        os.link(first, tmp_path / "in" / f"{number:05d}.flac")
    words = ["prepare", "manifest", str(tmp_path / "in"), "--language", "en", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", PROGRAM, *words, "--workers", "2", "--test", "0", "--valid", "0"]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: len(list(tmp_path.glob(".out.*/new/audio/*.flac"))) > 20)
    below = children(child.pid)
    assert len(below) >= 3
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))
    assert not (tmp_path / "out").exists()
    (left,) = tmp_path.glob(".out.*")

    for file in list((tmp_path / "in").iterdir())[50:]:
        file.unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"a run that was killed left {left.name}" in done.stdout
    assert len(read_manifest(tmp_path / "out", "train").ids) == 50
    assert list(tmp_path.glob(".out.*")) == [left]
