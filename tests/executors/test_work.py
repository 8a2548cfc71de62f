"""Work that jobs do, by submitit's processes on this machine: done, lost, refused, found again after a kill, ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors.engines import LocalEngine
from xlpl_plugin.executors.jobs import controllers
from xlpl_plugin.executors.labelling_config import JobNeeds, LabellingConfig
from xlpl_plugin.executors.work import Sent, Work, carry_out, clear
from xlpl_plugin.schema import check_options

ENGINE = LocalEngine(JobNeeds(minutes=5))
# notes that it started; what follows is the test's
JOB = """
import json, os, signal, sys, time
from pathlib import Path
folder, part, outcome = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
starts = folder / f"starts-{part}"
with starts.open("a") as stream: stream.write("x")
tries = len(starts.read_text())
def end(**told):
    written = outcome.with_suffix(".new")
    written.write_text(json.dumps(told))
    written.replace(outcome)
"""
DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_work import ENGINE, make_work
from xlpl_plugin.executors.work import carry_out
carry_out(make_work(Path(sys.argv[2]), 2, (Path(sys.argv[2]) / "job.py").read_text(), whole=True), ENGINE)
"""


def make_work(folder: Path, parts: int, text: str, *, tries: int = 2, whole: bool = False) -> Work:
    """Return work whose jobs run ``text`` after ``JOB``; ``whole``: it stands in the text already."""
    program = folder / "job.py"
    program.write_text(text if whole else JOB + text)

    def command(part: int, outcome: Path) -> Sequence[str]:
        return [sys.executable, str(program), str(folder), str(part), str(outcome)]

    return Work("round-1/emit/train", folder / "jobs", parts, command, tries)


def starts(folder: Path, part: int) -> int:
    file = folder / f"starts-{part}"
    return len(file.read_text()) if file.exists() else 0


def test_outcomes_come_in_the_order_of_the_parts_and_records_are_taken_away(tmp_path: Path) -> None:
    work = make_work(tmp_path, 3, "time.sleep(0.3 * (3 - part))\nend(told=f'part {part}')\n")
    assert [outcome.told for outcome in carry_out(work, ENGINE)] == ["part 1", "part 2", "part 3"]
    assert not work.folder.exists()


def test_a_killed_job_is_told_with_its_reason_and_sent_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "if part == 2 and tries == 1: os.kill(os.getpid(), signal.SIGKILL)\nend()\n"
    carry_out(make_work(tmp_path, 2, text), ENGINE)
    assert (starts(tmp_path, 1), starts(tmp_path, 2)) == (1, 2)
    told = capsys.readouterr().err
    assert "round-1/emit/train, part 2/2: its job failed (" in told
    assert "SIGKILL" in told
    assert "sent again (2 of 2)" in told


def test_a_part_that_fails_as_often_as_it_may_is_named_and_the_next_call_does_it_alone(tmp_path: Path) -> None:
    work = make_work(tmp_path, 2, "if part == 2: sys.exit('CUDA error: device lost')\nend()\n")
    with pytest.raises(XlplError, match=r"part 2/2 failed 2 times(.|\n)*1\. failed(.|\n)*2\. failed") as caught:
        carry_out(work, ENGINE)
    assert Path(str(caught.value.file)).read_text().count("CUDA error: device lost") == 1  # the log of the last try
    carry_out(make_work(tmp_path, 2, "end()\n"), ENGINE)
    assert (starts(tmp_path, 1), starts(tmp_path, 2)) == (1, 3)


def test_what_broke_a_job_off_is_told_in_its_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "if tries == 1: end(failure='RuntimeError: CUDA error: device lost')\nelse: end()\n"
    carry_out(make_work(tmp_path, 1, text), ENGINE)
    assert "its job failed (RuntimeError: CUDA error: device lost); sent again (2 of 2)" in capsys.readouterr().err


def test_what_a_job_itself_refuses_is_not_tried_again(tmp_path: Path) -> None:
    work = make_work(tmp_path, 1, "end(error='lm.bin: cannot be written (disk full?)')\nsys.exit(1)\n")
    with pytest.raises(XlplError, match=r"round-1/emit/train cannot be done: lm\.bin: cannot be written"):
        carry_out(work, ENGINE)
    assert starts(tmp_path, 1) == 1
    carry_out(make_work(tmp_path, 1, "end()\n"), ENGINE)  # mended


def test_jobs_outlive_their_driver_and_are_found_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "while not (folder / 'go').exists(): time.sleep(0.05)\nend(told=str(part))\n"
    work = make_work(tmp_path, 2, text)
    arguments = [sys.executable, "-c", DRIVER, str(Path(__file__).parent), str(tmp_path)]
    driver = subprocess.Popen(arguments)
    wait_for(lambda: starts(tmp_path, 1) and starts(tmp_path, 2))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert Sent.read(work.folder / "send-1" / "sent.json").parts == (1, 2)
    (tmp_path / "go").touch()
    assert [outcome.told for outcome in carry_out(work, ENGINE)] == ["1", "2"]
    assert (starts(tmp_path, 1), starts(tmp_path, 2)) == (1, 1)
    assert "jobs of a former call" in capsys.readouterr().err


def test_a_driver_that_was_killed_before_its_jobs_were_sent_sends_them(tmp_path: Path) -> None:
    work = make_work(tmp_path, 2, "end()\n")
    (work.folder / "send-1").mkdir(parents=True)
    Sent((1, 2)).write(work.folder / "send-1" / "sent.json")
    (work.folder / "send-2").mkdir()  # killed a moment earlier
    assert len(carry_out(work, ENGINE)) == 2
    assert starts(tmp_path, 2) == 1


def test_cleared_work_has_no_jobs_and_no_records(tmp_path: Path) -> None:
    work = make_work(tmp_path, 1, "time.sleep(600)\n")
    (work.folder / "send-1").mkdir(parents=True)
    Sent((1,)).write(work.folder / "send-1" / "sent.json")
    ENGINE.send(work.folder / "send-1", [work.command(1, tmp_path / "outcome.json")])
    wait_for(lambda: starts(tmp_path, 1))
    clear(work.folder, [ENGINE])
    assert not work.folder.exists()
    assert not controllers(work.folder / "send-1" / "job-0")


@pytest.mark.parametrize(
    ("labelling", "problem"),
    [
        (LabellingConfig("pbs"), "one of local, slurm"),
        (LabellingConfig(parts=0), "labelling.parts=0"),
        (LabellingConfig(steps=["tune"]), r"executor=local sends no jobs(.|\n)*labelling\.steps"),
        (LabellingConfig("slurm", steps=["train"]), "one of tune, select"),
        (LabellingConfig(options=["partition=gpu"]), "sbatch alone"),
        (LabellingConfig("slurm", options=["--partition=gpu"]), "no option of sbatch"),
        (LabellingConfig("slurm", options=["time=20"]), r"time is set by xlpl(.|\n)*set minutes"),
        (LabellingConfig("slurm", labels=JobNeeds(options=["partition"])), r"labelling\.labels\.options: 'partition'"),
    ],
)
def test_values_that_do_not_fit_are_refused(labelling: LabellingConfig, problem: str) -> None:
    with pytest.raises(XlplError, match=problem):
        check_options(labelling, "labelling")


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
