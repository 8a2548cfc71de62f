"""Two drivers do not share a run: on one machine, and on two whose locks do not reach each other."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.run import lock
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.lock import Holder, locked


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_BEAT", 0.05)
    monkeypatch.setattr(lock, "_SILENCE", 1.0)


@pytest.fixture
def layout(tmp_path: Path) -> RunLayout:
    return RunLayout(tmp_path / "run")


def elsewhere(layout: RunLayout) -> Holder:
    """Write the name of a driver on another machine, as it writes its own."""
    layout.run.mkdir(exist_ok=True)
    other = replace(Holder.here(), host="node7", boot="another")
    assert lock._made(layout.holder, other)
    return other


def test_held_while_the_work_lasts_and_named(layout: RunLayout) -> None:
    with locked(layout):
        assert Holder.read(layout.holder) == Holder.here()
        with pytest.raises(XlplError, match="another process works in this run"), locked(layout, patience=0.2):
            pass
        assert Holder.read(layout.holder).process == os.getpid()
    assert not layout.holder.exists()


def test_a_driver_of_another_machine_that_lives_is_respected(layout: RunLayout) -> None:
    other = elsewhere(layout)
    over = threading.Event()
    alive = threading.Thread(target=lock._beat, args=(layout.holder, over))
    alive.start()
    with pytest.raises(XlplError, match=r"process \d+ on node7 works in this run"), locked(layout):
        pass
    over.set()
    alive.join()
    assert Holder.read(layout.holder) == other


def test_what_a_killed_driver_of_another_machine_left_is_taken_over(
    layout: RunLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere(layout)
    start = time.monotonic()
    with locked(layout):
        assert Holder.read(layout.holder) == Holder.here()
    assert time.monotonic() - start >= 1.0
    assert "node7 was at work here" in capsys.readouterr().err


def test_what_a_killed_driver_of_this_machine_left_is_taken_over_at_once(
    layout: RunLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    layout.run.mkdir()
    assert lock._made(layout.holder, replace(Holder.here(), process=1))
    with locked(layout):
        assert Holder.read(layout.holder) == Holder.here()
    assert not capsys.readouterr().err


def test_a_disk_without_locks_is_told_and_guarded_by_the_name(
    layout: RunLayout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(layout):
        with pytest.raises(XlplError, match=rf"process {os.getpid()} on .* works in this run"), locked(layout):
            pass
        assert Holder.read(layout.holder) == Holder.here()
    assert "this disk has no locks; run.holder alone guards the run" in capsys.readouterr().err


def test_a_damaged_name_is_no_end(layout: RunLayout) -> None:
    layout.run.mkdir()
    layout.holder.write_text("{")
    with locked(layout):
        assert Holder.read(layout.holder) == Holder.here()
