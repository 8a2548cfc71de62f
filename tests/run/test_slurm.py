"""A run on a real Slurm (scripts/slurm.sh start): killed, cancelled and drained, it gives the bytes of one machine.

``make test-slurm`` runs it, and CI where it can. Without XLPL_SLURM=1 it is passed over.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, product
from pathlib import Path

import pytest
import torch
from support.tiny_run import recipe

from xlpl_plugin.errors import XlplError
from xlpl_plugin.executors import slurm
from xlpl_plugin.executors.engines import SlurmEngine
from xlpl_plugin.executors.labelling_config import JobNeeds, LabellingConfig
from xlpl_plugin.executors.work import Work, carry_out
from xlpl_plugin.models.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
UTTERANCES = 1300  # three shards of the train split
WORDS = ("ab", "bad", "dad", "cab", "face", "add", "bead")
# a driver that looks at its jobs more often than it would
DRIVER = """
import sys
from xlpl_plugin.cli import main
from xlpl_plugin.executors import engines
from xlpl_plugin.run.training import job_watch, start
engines.SlurmEngine.pause = 0.5
job_watch._PAUSE, job_watch._NOTICE, start._ASK_AGAIN = 1.0, 2.0, {"slurm": 1.0}
main()
"""
SMALL = "{cpus: 1, memory: 1.5, minutes: 5}"
LABELLING = (
    "{executor: slurm, parts: 3, steps: [tune, measure], options: [partition=short], "
    f"emissions: {SMALL}, labels: {SMALL}, single: {SMALL}}}"
)
LAUNCHER = (
    "{{kind: slurm, processes: {processes}, options: [hydra.launcher.timeout_min=10, hydra.launcher.mem_gb=3, "
    "hydra.launcher.cpus_per_task=1]}}"
)
PATIENCE = 1800.0  # seconds for what a busy machine does in one

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("XLPL_SLURM") != "1", reason="make test-slurm starts a Slurm for it"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, lexicon and LM, run.yaml, and ``here``: round 0 by one machine."""
    folder = tmp_path_factory.mktemp("slurm")
    made = recipe()
    # equal texts would all go to one part
    made.TARGET = [" ".join(words) for words in islice(product(WORDS, repeat=4), UTTERANCES)]
    made.write_corpus(folder)
    verbs = [verb.replace("--valid 0.2 --test 0.2", "--valid 0.1 --test 0.02") for verb in made.preparing(folder)]
    text = made._run_yaml(folder, "here", "target: {{data: {folder}/target}}\nstudent: {averaged}\n")
    text = text.replace("rounds: 2", "rounds: 1")
    gloo = "common.cpu=true, distributed_training.distributed_backend=gloo"
    (folder / "run.yaml").write_text(text.replace("common.cpu=true", gloo))
    made.run_verbs(ROOT, folder, [*verbs, f"iterate {folder}/run.yaml --until-round 0"])
    return folder


class Driver:
    """`xlpl iterate` on Slurm, in a process of its own; what it says goes to a file of its own."""

    def __init__(self, folder: Path, name: str, processes: int, *more: str) -> None:
        self._log = folder / f"{name}.log"
        keys = (f"out={folder}/there", f"launcher={LAUNCHER.format(processes=processes)}")
        with self._log.open("wb") as log:
            command = [sys.executable, "-c", DRIVER, "iterate", str(folder / "run.yaml"), *keys, *more]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait(self) -> int:
        return self._process.wait(PATIENCE)

    def until(self, happened: Callable[[], object]) -> None:
        """Wait for something while the driver works."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert self._process.poll() is None, self.said[-4000:]
            assert time.monotonic() < deadline, self.said[-4000:]
            time.sleep(0.1)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def jobs(name: str, *states: str) -> list[str]:
    """Return the ids of jobs whose names hold ``name``, in their order; in these states, ended ones too."""
    rows = slurm.ask("squeue", "--noheader", "--array", "--states=all", "--format=%i %j %T").splitlines()
    found = [row.split() for row in rows]
    return sorted(job for job, known, state in found if name in known and state in states)


class Cluster:
    """What an administrator does to the one node and to the partition of labelling."""

    def __init__(self) -> None:
        self._node = slurm.ask("sinfo", "--noheader", "--format=%n", "--partition=main").strip()

    def drain(self) -> None:
        """Let the node start nothing new; what works goes on."""
        slurm.ask("scontrol", "update", f"nodename={self._node}", "state=drain", "reason=test")

    def resume(self) -> None:
        slurm.ask("scontrol", "update", f"nodename={self._node}", "state=resume")

    @staticmethod
    def labelling(state: str) -> None:
        """Have the partition take jobs and start none (down), or start them (up)."""
        slurm.ask("scontrol", "update", "partitionname=short", f"state={state}")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    yield found
    found.labelling("up")
    with suppress(XlplError):  # it is not drained any more
        found.resume()


def test_a_run_on_slurm_that_is_disturbed_gives_the_bytes_of_one_machine(project: Path, cluster: Cluster) -> None:
    run = project / "there"
    cluster.drain()
    cluster.labelling("down")
    first = Driver(project, "first", 1, f"labelling={LABELLING}", "--until-round", "0")
    cancel_the_training(first, cluster, project)
    kill_in_the_array(first, cluster)
    # one job of the array waits, one was cancelled while there was no driver, and the node is drained
    second = Driver(project, "second", 1, f"labelling={LABELLING}", "--until-round", "0")
    second.until(lambda: "jobs wait: " in second.said)
    cluster.resume()
    assert second.wait() == 0, second.said[-4000:]
    assert "its job was cancelled; sent again, to go on from the last checkpoint" in first.said
    assert "jobs of a former call are at" in second.said
    assert not jobs("jobs-round-0", "FAILED")
    assert results(run) == results(project / "here")
    assert equal_weights(run / "source" / "model.pt", project / "here" / "source" / "model.pt")

    # the rest of the round by the driver: where work is done may change between two calls
    third = Driver(project, "third", 2, "labelling={executor: local}")
    assert third.wait() == 0, third.said[-4000:]
    log = (run / "round-1" / "training" / "train.log").read_text()
    assert log.count("training on 2 devices") == 1
    assert (run / "round-1" / "signals.json").exists()
    assert not any((run / "jobs").iterdir())


def cancel_the_training(driver: Driver, cluster: Cluster, project: Path) -> None:
    """Cancel the training's job by hand after it has saved once; the node is drained.

    The job passes over SIGTERM, and Slurm kills it some seconds later, when it would be at its end. So it finds a pipe
    in the place of its second checkpoint, and waits for somebody to read that.
    """
    driver.until(lambda: jobs("there-source", "PENDING"))
    pipe = project / "there" / "source" / "training" / "checkpoints" / f"{second_checkpoint(project)}.tmp"
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    cluster.resume()
    driver.until((pipe.parent / "checkpoint_last.pt").exists)
    (job,) = jobs("there-source", "RUNNING")
    cluster.drain()
    slurm.ask("scancel", job)
    driver.until(lambda: job in jobs("there-source", "CANCELLED"))
    pipe.unlink()
    cluster.resume()


def second_checkpoint(project: Path) -> str:
    """Return the name of what the training of the source AM saves after its first checkpoint."""
    log = (project / "here" / "source" / "training" / "train.log").read_text()
    return list(dict.fromkeys(re.findall(r"Saved checkpoint \S+/(checkpoint_\d+_\d+\.pt)", log)))[1]


def kill_in_the_array(driver: Driver, cluster: Cluster) -> None:
    """Kill the driver while the first job of an array is at work or done; drain the node, and cancel the third job.

    No job can start before all were seen to wait, and the others are held then, so that they cannot end unseen.
    """
    name = "round-0.emit.train"
    driver.until(lambda: len(jobs(name, "PENDING")) == 3)
    one, *others = jobs(name, "PENDING")
    slurm.ask("scontrol", "hold", ",".join(others))
    cluster.labelling("up")
    driver.until(lambda: one in jobs(name, "RUNNING", "COMPLETING", "COMPLETED"))
    driver.kill()
    cluster.drain()
    slurm.ask("scontrol", "release", others[0])
    slurm.ask("scancel", others[1])


def results(run: Path) -> dict[str, bytes]:
    """Return what round 0 is made of, without done markers (they tell the part) and hashes of checkpoint files."""
    kinds = {".f32", ".jsonl", ".tsv", ".wrd", ".ltr", ".txt"}
    files = [file for file in (run / "round-0").rglob("*") if file.suffix in kinds]
    assert len([file for file in files if file.suffix == ".f32"]) == 4
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def equal_weights(one: Path, other: Path) -> bool:
    first, second = (read_checkpoint(file)["model"] for file in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    ("options", "needs", "problem"),
    [
        (["partition=none"], JobNeeds(cpus=1, memory=0.2), "Invalid partition name"),
        ([], JobNeeds(cpus=1, memory=0.2, gpus=2), "Invalid generic resource"),
        ([], JobNeeds(cpus=1, memory=900), "Memory specification can not be satisfied"),
        (["partition=short"], JobNeeds(cpus=1, memory=0.2, minutes=60), r"wait for ever \(PartitionTimeLimit\)"),
    ],
)
def test_what_slurm_cannot_grant_is_told_at_once(
    tmp_path: Path, options: list[str], needs: JobNeeds, problem: str
) -> None:
    work = Work("round-0/emit/train", tmp_path / "jobs", 2, lambda part, outcome: ["true"], 2)
    with pytest.raises(XlplError, match=problem):
        carry_out(work, engine(needs, options))
    assert not jobs(tmp_path.name, "PENDING", "RUNNING", "COMPLETING")


def test_a_job_that_takes_more_memory_than_it_asked_for_is_told(tmp_path: Path) -> None:
    def greedy(part: int, outcome: Path) -> Sequence[str]:
        return [sys.executable, "-c", "x = bytearray(400 << 20); import time; time.sleep(60)"]

    work = Work("round-0/emit/train", tmp_path / "jobs", 2, greedy, 1)
    with pytest.raises(XlplError, match=r"part \d/2 failed 1 times:(.|\n)*memory(.|\n)*raise memory"):
        carry_out(work, engine(JobNeeds(cpus=1, memory=0.2, minutes=5)))


def test_a_training_that_takes_more_memory_than_it_asked_for_is_told(project: Path) -> None:
    options = "launcher.options=[hydra.launcher.timeout_min=5, hydra.launcher.mem_per_cpu=200M]"
    driver = Driver(project, "greedy", 1, f"out={project}/greedy", "launcher.tries=2", options)
    assert driver.wait() != 0
    assert driver.said.count("its job was out of memory; sent again") == 1
    assert re.search(r"the training's job was out of memory(.|\n)*raise hydra.launcher.mem_gb", driver.said)


def engine(needs: JobNeeds, options: Sequence[str] = ()) -> SlurmEngine:
    found = SlurmEngine(LabellingConfig("slurm", options=list(options)), needs, "auto")
    found.pause = 0.5
    return found
