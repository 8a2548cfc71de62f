"""A run on a real Slurm (scripts/slurm.sh start): killed, cancelled and drained, it gives the bytes of one machine.

``make test-slurm`` runs it. Without XLPL_SLURM=1 it is passed over.
"""

from __future__ import annotations

import os
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
SMALL = "{cpus: 1, memory: 1.5, minutes: 10}"
LABELLING = (
    f"{{executor: slurm, parts: 3, steps: [tune, measure], emissions: {SMALL}, labels: {SMALL}, single: {SMALL}}}"
)
LAUNCHER = (
    "{{kind: slurm, processes: {processes}, options: [hydra.launcher.timeout_min=10, hydra.launcher.mem_gb=3, "
    "hydra.launcher.cpus_per_task=1]}}"
)

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
    """`xlpl iterate` on Slurm, in a process of its own; what it says goes to a file."""

    def __init__(self, folder: Path, processes: int, *more: str) -> None:
        self.said = folder / "driver.log"
        keys = (f"out={folder}/there", f"launcher={LAUNCHER.format(processes=processes)}")
        with self.said.open("ab") as log:
            command = [sys.executable, "-c", DRIVER, "iterate", str(folder / "run.yaml"), *keys, *more]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def wait(self) -> None:
        assert self.process.wait(1800) == 0, self.said.read_text()[-4000:]

    def until(self, happened: Callable[[], object]) -> None:
        """Wait for something while the driver works."""
        while not happened():
            assert self.process.poll() is None, self.said.read_text()[-4000:]
            time.sleep(0.1)


def jobs(name: str, *states: str) -> list[str]:
    """Return the ids of jobs whose names hold ``name``."""
    rows = slurm.ask("squeue", "--noheader", "--array", "--format=%i %j %T").splitlines()
    found = [row.split() for row in rows]
    return [job for job, known, state in found if name in known and state in (states or (state,))]


@pytest.fixture
def node() -> Iterator[str]:
    name = slurm.ask("sinfo", "--noheader", "--format=%n", "--partition=main").strip()
    yield name
    with suppress(XlplError):  # it is not drained any more
        slurm.ask("scontrol", "update", f"nodename={name}", "state=resume")


def test_a_run_on_slurm_that_is_disturbed_gives_the_bytes_of_one_machine(project: Path, node: str) -> None:
    run = project / "there"
    driver = Driver(project, 1, f"labelling={LABELLING}", "--until-round", "0")
    # the training's job is cancelled by hand after it has saved
    saved = run / "source" / "training" / "checkpoints" / "checkpoint_last.pt"
    driver.until(saved.exists)
    slurm.ask("scancel", *jobs("there-source"))
    # the driver is killed while an array is at work
    driver.until(lambda: jobs("round-0.emit.train", "RUNNING"))
    driver.process.send_signal(signal.SIGKILL)
    driver.process.wait()
    # one job of the array is cancelled while there is no driver, and the node is drained
    slurm.ask("scancel", jobs("round-0.emit.train")[-1])
    slurm.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    driver = Driver(project, 1, f"labelling={LABELLING}", "--until-round", "0")
    driver.until(lambda: "jobs wait: " in driver.said.read_text())
    slurm.ask("scontrol", "update", f"nodename={node}", "state=resume")
    driver.wait()
    said = driver.said.read_text()
    assert "its job was cancelled; sent again, to go on from the last checkpoint" in said
    assert "jobs of a former call are at" in said
    assert results(run) == results(project / "here")
    assert equal_weights(run / "source" / "model.pt", project / "here" / "source" / "model.pt")

    # the rest of the round by the driver: where work is done may change between two calls
    Driver(project, 2, "labelling={executor: local}").wait()
    log = (run / "round-1" / "training" / "train.log").read_text()
    assert log.count("training on 2 devices") == 1
    assert (run / "round-1" / "signals.json").exists()
    assert not any((run / "jobs").iterdir())


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
    assert not jobs(tmp_path.name)


def test_a_job_that_takes_more_memory_than_it_asked_for_is_told(tmp_path: Path) -> None:
    def greedy(part: int, outcome: Path) -> Sequence[str]:
        return [sys.executable, "-c", "x = bytearray(400 << 20); import time; time.sleep(60)"]

    work = Work("round-0/emit/train", tmp_path / "jobs", 2, greedy, 1)
    with pytest.raises(XlplError, match=r"part \d/2 failed 1 times:(.|\n)*memory(.|\n)*raise memory"):
        carry_out(work, engine(JobNeeds(cpus=1, memory=0.2, minutes=5)))


def engine(needs: JobNeeds, options: Sequence[str] = ()) -> SlurmEngine:
    found = SlurmEngine(LabellingConfig("slurm", options=list(options)), needs, "auto")
    found.pause = 0.5
    return found
