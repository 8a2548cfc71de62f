"""Memory of the label generator's processes over a corpus of 100,000 made-up utterances, as numbers and as a plot.

The coordinator is flat where its memory does not grow with the utterances that are done. What it holds of each
utterance from the beginning (the manifest) is loaded before the first is decoded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from machine import about, process_tree, resident
from matplotlib.figure import Figure
from synthetic import make

from xlpl_plugin.files import write_json
from xlpl_plugin.labelling.label_split import LabelConfig
from xlpl_plugin.text_table import render

# of the coordinator; less than what one finished shard of records would take if it were kept
FLAT_MB = 1.0
_EVERY_SECONDS = 0.5
# of the decoding: while its first shards are gathered, the allocator still asks for memory that it then keeps
_WARM_UP = 0.1


@dataclass(frozen=True)
class Sample:
    """Resident memory in MB of each process at a time (seconds), and how many utterances were finished then."""

    seconds: float
    done: int
    resident: dict[str, float]


@click.command(help=__doc__)
@click.option("--utterances", default=100_000, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), default=Path("memory.png"), show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
def main(utterances: int, workers: int, plot: Path, out: Path | None) -> None:
    machine = about()
    click.echo("\n".join(f"{name}: {value}" for name, value in machine.items()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, utterances)
        samples = _watch(folder, workers)
    roles = max((sample.resident for sample in samples), key=len)
    rows = [_row(role, samples, utterances) for role in roles]
    click.echo(render([{title: str(value) for title, value in row.items()} for row in rows]))
    slope = rows[0]["MB per 10,000"]
    text = f"the coordinator grows by {slope:.2f} MB per 10,000 utterances after loading (less than {FLAT_MB:g})"
    click.echo(f"\n{'met' if slope < FLAT_MB else 'NOT MET'}: {text}")
    _draw(samples, plot)
    click.echo(f"{samples[-1].seconds:.0f} s for {utterances} utterances; plot: {plot}")
    if out:
        demands = [{"text": text, "met": slope < FLAT_MB}]
        write_json(out, {"machine": machine, "processes": rows, "demands": demands, "samples": samples})


def _watch(folder: Path, workers: int) -> list[Sample]:
    """Label the corpus in a process of its own and look at its memory and that of its workers until it ends."""
    options = {"data": "data", "emissions": "emissions", "out": "labels", "decoder.lexicon": "lexicon.txt"}
    command = [sys.executable, "-c", "from xlpl_plugin.cli import main; main()", "label", "decoder.beam=20"]
    command += [f"workers={workers}", *(f"{key}={folder}/{name}" for key, name in options.items())]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    samples: list[Sample] = []
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        while process.poll() is None:
            names = ("coordinator", "trie builder", *(f"worker {number + 1}" for number in range(workers)))
            resident_now = dict(zip(names, map(resident, process_tree(process.pid)), strict=False))
            samples.append(Sample(round(time.monotonic() - begin, 2), _finished(folder), resident_now))
            time.sleep(_EVERY_SECONDS)
        if process.returncode:
            log.seek(0)
            raise click.ClickException(f"labelling failed:\n{log.read()[-3000:]}")
    samples.append(Sample(round(time.monotonic() - begin, 2), _finished(folder), {}))
    return samples


def _finished(folder: Path) -> int:
    return LabelConfig.shard_size * len(list((folder / "labels" / "shards").glob("[0-9]*.json")))


def _row(role: str, samples: Sequence[Sample], utterances: int) -> dict[str, Any]:
    """Return what one process held, and the slope of a line through its memory while utterances were decoded."""
    seen = [(sample.done, sample.resident[role]) for sample in samples if sample.resident.get(role)]
    decoding = np.array([(done, held) for done, held in seen if _WARM_UP * utterances < done < utterances])
    enough = len(decoding) > 2
    slope = 1e4 * float(np.polyfit(decoding[:, 0], decoding[:, 1], 1)[0]) if enough else float("nan")
    first, last = (round(float(decoding[place, 1]), 1) if enough else float("nan") for place in (0, -1))
    return {
        "process": role,
        "MB at 10 %": first,
        "MB at the end of decoding": last,
        "MB per 10,000": round(slope, 3),
        "most MB, files of results written": round(max(held for _, held in seen), 1),
    }


def _draw(samples: Sequence[Sample], file: Path) -> None:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for role in {role: None for sample in samples for role in sample.resident}:
        held = [(sample.seconds, sample.resident[role]) for sample in samples if sample.resident.get(role)]
        axes.plot(*zip(*held, strict=True), label=role, linestyle="--" if role.startswith("worker") else "-")
    done = axes.twinx()
    done.plot([sample.seconds for sample in samples], [sample.done for sample in samples], color="0.7", linestyle=":")
    done.set_ylabel("utterances finished (dotted)")
    done.set_ylim(bottom=0)
    axes.set(xlabel="seconds", ylabel="resident memory, MB", title="xlpl label: memory over time")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center right")
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
