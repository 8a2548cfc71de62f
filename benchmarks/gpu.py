"""Training and labelling on a GPU, in about 12 minutes: one table, one JSON.

    python benchmarks/gpu.py --json gpu.json
    python benchmarks/gpu.py --toy            # on a CPU, only to see that it runs

Each section is a process of its own with a time of its own: one that fails, or whose time is over, is reported with
what it had found, and the others go on. Without fairseq, training is measured without s2t, and the sections that label
are reported as failed.
"""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from gpu_scale import TOY, Row, Scale, told
from machine import about
from rich.console import Console
from rich.table import Table

# seconds of each section
BUDGETS = {"training": 250, "switches": 130, "labelling": 130, "right": 90, "wav2vec": 90}
_MODULES = {
    "training": "gpu_training",
    "switches": "gpu_training",
    "labelling": "gpu_labelling",
    "right": "gpu_labelling",
    "wav2vec": "gpu_wav2vec",
}
# whose speed is told as a ratio, at each size and precision
_PAIRS = (("ours, stride 4, no convolution", "fairseq s2t"), ("ours", "torchaudio Conformer"))


def run_section(name: str, scale: Scale, file: Path) -> None:
    """Write each row as soon as it is there."""
    section = getattr(importlib.import_module(_MODULES[name]), name)
    with file.open("a") as out:
        for row in section(scale):
            out.write(json.dumps(row) + "\n")
            out.flush()


def in_a_process(name: str, given: tuple[str, ...], budget: float) -> Row:
    """Return the rows of a section, its seconds, and why it ended before its end ('' if it did not)."""
    with tempfile.TemporaryDirectory() as folder:
        file, begin, problem = Path(folder) / "rows", time.monotonic(), ""
        file.touch()
        command = [sys.executable, __file__, *given, "--section", name, "--rows", str(file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=budget)
            if done.returncode:
                problem = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        except subprocess.TimeoutExpired:
            problem = f"its {budget:.0f} s were over"
        rows = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
    return {"rows": rows, "seconds": time.monotonic() - begin, "problem": problem}


def ratios(rows: list[Row]) -> dict[str, float]:
    """Return by how much ours is faster than another, of the medians."""
    speeds = {
        (row["size"], row["precision"], row["encoder"]): statistics.median(row["audio_seconds_a_second"])
        for row in rows
        if "failed" not in row
    }
    return {
        f"{size}, {precision}: {ours} / {other}": speed / speeds[size, precision, other]
        for (size, precision, encoder), speed in speeds.items()
        for ours, other in _PAIRS
        if encoder == ours and (size, precision, other) in speeds
    }


def show(name: str, section: Row, console: Console) -> None:
    """Print a section: a column for each key, in the order of their coming."""
    columns = list(dict.fromkeys(key for row in section["rows"] for key in row))
    table = Table(*columns, title=f"{name}, {section['seconds']:.0f} s")
    for row in section["rows"]:
        table.add_row(*(_text(row.get(column, "")) for column in columns))
    console.print(table)
    if section["problem"]:
        console.print(f"{name} did not end: {section['problem']}", style="red", markup=False)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        middle, least, most = sorted(value)[len(value) // 2], min(value), max(value)
        return f"{_text(middle)} [{_text(least)}, {_text(most)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def gpu_of(device: str) -> str:
    if not device.startswith("cuda"):
        return "none: these are no figures of a GPU"
    free, total = (amount / 2**30 for amount in torch.cuda.mem_get_info(device))
    return f"{torch.cuda.get_device_name(device)}, {total:.0f} GiB, {free:.0f} free, CUDA {torch.version.cuda}"


@click.command()
@click.option("--device", default="", help="cuda, cuda:1; empty: the first GPU.")
@click.option("--toy", is_flag=True, help="Everything on the CPU and so small that only its running counts.")
@click.option("--only", multiple=True, type=click.Choice(list(BUDGETS)), help="These sections; empty: all.")
@click.option("--slower", default=1.0, show_default=True, help="Factor of the time that each section has.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="All numbers.")
@click.option("--section", hidden=True, default="")
@click.option("--rows", hidden=True, type=click.Path(path_type=Path))
def main(
    device: str, toy: bool, only: tuple[str, ...], slower: float, out: Path | None, section: str, rows: Path | None
) -> None:
    """Measure training and labelling on a GPU, and check that both come out as on the CPU."""
    scale = TOY if toy else replace(Scale(), device=device or "cuda")
    if scale.on_gpu and not torch.cuda.is_available():
        raise click.ClickException("torch sees no GPU; to see on a CPU that this runs: --toy")
    if section and rows:
        run_section(section, scale, rows)
        return
    given = ("--toy",) if toy else ("--device", scale.device)
    console = Console(width=None if sys.stdout.isatty() else 200)
    found: Row = {"machine": about(), "gpu": gpu_of(scale.device), "scale": told(scale), "sections": {}}
    console.print(found["machine"], found["gpu"])
    for name in only or BUDGETS:
        found["sections"][name] = in_a_process(name, given, slower * BUDGETS[name])
        show(name, found["sections"][name], console)
        if name == "training":
            found["ratios"] = ratios(found["sections"][name]["rows"])
            console.print(found["ratios"])
        if out:
            out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
