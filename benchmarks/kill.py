"""Kills `xlpl iterate` at random moments and compares what comes out with an undisturbed run, file by file.

    python benchmarks/kill.py RUN.yaml --out FOLDER --kills 20

RUN.yaml is a configuration of `xlpl iterate`; its out is replaced. Both runs use the same folder in turn, since paths
stand in configurations and commands. Logs, times and checkpoints that a training resumes from are left out; the models
are compared bit by bit.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.state import StateFile

# logs and times of a run; hydra writes a folder for each start
_OWN = re.compile(r"(^|/)(state\.json|run\.lock|train\.log|hydra/.*|checkpoints/.*|.*\.png)$")
_TIMES = {"seconds", "search_seconds", "times", "finished", "train_seconds"}


def contents(run: Path) -> dict[str, object]:
    """Return what each file of a run holds, but for times."""
    files = (file for file in sorted(run.rglob("*")) if file.is_file())
    return {
        name: _without_times(json.loads(file.read_text())) if file.suffix == ".json" else file.read_bytes()
        for file in files
        if not _OWN.search(name := str(file.relative_to(run)))
    }


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(part) for key, part in value.items() if key not in _TIMES}
    return [_without_times(part) for part in value] if isinstance(value, list) else value


def _start(config: Path, out: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).parent / "xlpl"), "iterate", str(config), f"out={out}"]
    with log.open("ab") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)


def _step_under_way(run: Path) -> str:
    state = StateFile.read_if_there(RunLayout(run).state)
    steps = state.steps if state else {}
    return next((name for name, progress in steps.items() if not progress.done), "between two steps")


@click.command()
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder for both runs.")
@click.option("--kills", default=20, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(config: Path, out: Path, kills: int, seed: int) -> None:
    """Print the step that each kill hit, and whether the end is the same."""
    out.mkdir(parents=True)
    run, log = out / "run", out / "log"
    start = time.monotonic()
    if _start(config, run, log).wait():
        sys.exit(f"the undisturbed run failed, see {log}")
    whole = time.monotonic() - start
    click.echo(f"undisturbed: {whole:.0f} s")
    shutil.move(run, out / "undisturbed")
    generator = random.Random(seed)
    done = 0
    while done < kills:
        process = _start(config, run, log)
        try:
            process.wait(generator.uniform(0.5, whole / 2))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)  # the driver alone: its children must notice
            process.wait()
            done += 1
            click.echo(f"kill {done}: {_step_under_way(run)}")
        else:  # it came to its end before it was killed: begin once more
            shutil.rmtree(run)
    if _start(config, run, log).wait():
        sys.exit(f"the run could not be ended, see {log}")
    before, after = contents(out / "undisturbed"), contents(run)
    different = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    click.echo(f"{len(before)} files compared, {len(different)} different" + "".join(f"\n  {n}" for n in different))
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
