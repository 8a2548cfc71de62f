"""What Slurm's answers mean, by commands in the place of Slurm's; a real one is in tests/run/test_slurm.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors import slurm
from xlpl_plugin.executors import work as waiting
from xlpl_plugin.executors.engines import SlurmEngine
from xlpl_plugin.executors.labelling_config import JobNeeds, LabellingConfig
from xlpl_plugin.executors.launchers import LauncherConfig
from xlpl_plugin.executors.work import JobOutcome, Sent, Work, carry_out
from xlpl_plugin.run.training import job_watch


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def answer(folder: Path, command: str, *lines: str) -> None:
    """Put a program in the place of one of Slurm's that prints lines."""
    program(folder, command, f"print({chr(10).join(lines)!r})")


def program(folder: Path, command: str, text: str) -> None:
    file = folder / command
    file.write_text(f"#!{sys.executable}\nimport sys\n{text}\n")
    file.chmod(0o755)


def test_the_youngest_job_of_a_place_counts_and_accounts_know_the_rest(bin_folder: Path) -> None:
    answer(
        bin_folder,
        "squeue",
        "12|0|CANCELLED|None",
        "14|0|PENDING|Resources",
        "12|1|OUT_OF_MEMORY|OutOfMemory",
        "13|N/A|RUNNING|None",
    )
    answer(bin_folder, "sacct", "12_1|CANCELLED by 0", "11_2|TIMEOUT", "12_[3-5]|PENDING")
    found = slurm.states("name")
    assert {place: (state.job, state.word, state.alive) for place, state in found.items()} == {
        0: (14, "PENDING", True),
        1: (12, "OUT_OF_MEMORY", False),
        2: (11, "TIMEOUT", False),
    }
    assert (found[1].told, found[2].told) == ("was out of memory", "was out of time")
    assert slurm.UNKNOWN.told == "was lost: Slurm does not know it any more"


def test_a_job_that_waits_for_what_will_never_be_is_cancelled(bin_folder: Path, tmp_path: Path) -> None:
    answer(bin_folder, "squeue", "12|0|PENDING|PartitionTimeLimit")
    program(bin_folder, "scancel", f"open({str(tmp_path / 'cancelled')!r}, 'w').write(' '.join(sys.argv[1:]))")
    work = sent(tmp_path)
    with pytest.raises(XlplError, match=r"wait for ever \(PartitionTimeLimit\)(.|\n)*lower the time limit"):
        carry_out(work, engine())
    assert (tmp_path / "cancelled").read_text().startswith("--name=")


def sent(folder: Path) -> Work:
    """Work whose one job a former call has sent."""

    def command(part: int, outcome: Path) -> Sequence[str]:
        raise AssertionError("sent again")

    (folder / "jobs" / "send-1").mkdir(parents=True)
    Sent((1,)).write(folder / "jobs" / "send-1" / "sent.json")
    return Work("round-0/tune", folder / "jobs", 1, command, 1)


def engine() -> SlurmEngine:
    found = SlurmEngine(LabellingConfig("slurm"), JobNeeds(), "cpu")
    found.pause = 0.01
    return found


def test_files_that_are_seen_late_are_waited_for_with_a_word(
    bin_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # the outcome appears some questions after Slurm says that the job has ended
    outcome, asked = tmp_path / "jobs" / "send-1" / "part-1.json", tmp_path / "asked"
    asked.touch()
    work = sent(tmp_path)
    program(
        bin_folder,
        "squeue",
        f"asked = open({str(asked)!r}, 'a+')\nasked.write('x')\nasked.flush()\nasked.seek(0)\nn = len(asked.read())\n"
        "print('12|N/A|RUNNING|None' if n == 1 else '12|N/A|COMPLETED|None')\n"
        f"if n == 5: open({str(outcome)!r}, 'w').write('{{\"told\": \"late\"}}')",
    )
    assert carry_out(work, engine()) == [JobOutcome(told="late")]
    assert capsys.readouterr().err.count("its files are waited for, 120 s at most") == 1


def test_a_job_that_has_told_its_outcome_may_end_before_its_folder_is_taken_away(
    bin_folder: Path, tmp_path: Path
) -> None:
    work, asked = sent(tmp_path), tmp_path / "asked"
    outcome = work.folder / "send-1" / "part-1.json"
    JobOutcome(told="early").write(outcome)
    program(
        bin_folder,
        "squeue",
        f"import os\nopen({str(asked)!r}, 'a').write(str(int(os.path.exists({str(outcome)!r}))))\n"
        f"print('12|N/A|' + ('COMPLETED' if len(open({str(asked)!r}).read()) > 4 else 'RUNNING') + '|None')",
    )
    assert carry_out(work, engine()) == [JobOutcome(told="early")]
    assert asked.read_text() == "11111"
    assert not work.folder.exists()


def test_a_controller_that_does_not_answer_is_waited_for(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tmp_path / "asked"
    program(
        bin_folder,
        "squeue",
        f"open({str(asked)!r}, 'a').write('x')\nif open({str(asked)!r}).read() != 'x': sys.exit('controller is down')\n"
        "print('12|N/A|RUNNING|None')",
    )
    monkeypatch.setattr(waiting, "_SILENCE", 5.0)
    with pytest.raises(XlplError, match="controller is down"):
        carry_out(sent(tmp_path), engine())
    assert len(asked.read_text()) > 2
    assert capsys.readouterr().err.count("its jobs are waited for") == 1


def test_a_training_whose_job_slurm_lost_may_be_sent_again(bin_folder: Path, tmp_path: Path) -> None:
    launcher = LauncherConfig("slurm")
    answer(bin_folder, "squeue", "12|N/A|CANCELLED|None")
    watch = job_watch.JobWatch(launcher, tmp_path / "run" / "round-1" / "training")
    watch.ask()
    assert not watch.lost  # a job of a former call
    for line, lost in (
        ("13|N/A|RUNNING|None", False),
        ("13|N/A|FAILED|NonZeroExitCode", False),
        ("13|N/A|PREEMPTED|None", True),
        ("", True),
    ):
        answer(bin_folder, "squeue", *([line] if line else []))
        watch.ask()
        assert watch.lost == lost
    assert not job_watch.JobWatch(LauncherConfig(), tmp_path).over()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "slurmstepd-n1: error: StepId=13.0 exceeded memory limit (325042176 > 314572800), being killed",
            "out of memory",
        ),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=13.0.", "out of memory"),
        ("RuntimeError: the sentence exceeded the memory limit", "failed"),
    ],
)
def test_a_training_that_slurm_killed_for_memory_is_known_by_its_log(
    bin_folder: Path, tmp_path: Path, said: str, told: str
) -> None:
    answer(bin_folder, "squeue")
    training = tmp_path / "run" / "round-1" / "training"
    watch = job_watch.JobWatch(LauncherConfig("slurm"), training)
    answer(bin_folder, "squeue", "13|N/A|FAILED|NonZeroExitCode")
    log = training / "hydra" / ".submitit" / "13" / "13_0_log.err"
    log.parent.mkdir(parents=True)
    log.write_text(f"a warning\n{said}\nsrun: error: n1: task 0: Killed\n")
    watch.ask()
    assert watch.state
    assert told in watch.state.told
    assert watch.lost == (told == "out of memory")
