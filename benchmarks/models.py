"""Training speed of our encoder on the CPU, beside fairseq's s2t encoder and torchaudio's Conformer of the same size.

    python benchmarks/models.py --json models.json

An update: forward, CTC, backward, Adam, on one thread. The contenders take turns in one process, so that they meet the
same machine; ratios are taken within a turn, and times are those of the processor. The bound: the same matrix products,
convolutions and attention alone, on the same tensors, in the same turn.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import click
import torch
from contenders import Conformer, S2t, alike, parameters, size
from machine import about
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode
from updates import UNITS, Batch, Clock, Products, Updater, noise, now

from xlpl_plugin.models.encoder import AcousticEncoder

_MATRIX = ("aten.mm", "aten.addmm", "aten.bmm")
# who is compared with whom: the second of each pair is what the first's time is divided by
PAIRS = (("ours, stride 4", "fairseq s2t"), ("ours", "torchaudio Conformer"))


def contenders(name: str, bf16: bool = False, **changes: Any) -> dict[str, Updater]:
    """Build ours as it is and with s2t's stride and without convolution, and the others with our parameters."""
    torch.manual_seed(0)
    config, plain = size(name, **changes), size(name, **{**changes, "stride": 4, "conv_kernel": 0})
    models = {
        "ours, stride 4": AcousticEncoder(plain, UNITS),
        "fairseq s2t": alike(S2t, plain, UNITS),
        "ours": AcousticEncoder(config, UNITS),
        "torchaudio Conformer": alike(Conformer, config, UNITS),
    }
    return {name: Updater(model, bf16=bf16) for name, model in models.items()}


def turn(updater: Updater, batch: Batch) -> dict[str, float]:
    """Return the seconds of one update, of its parts, and of its products alone."""
    clock = Clock(updater.device)
    begin = now(updater.device)
    updater.update(batch, clock)
    took = {"update": now(updater.device) - begin, **clock.seconds}
    with Products() as products:
        updater.update(batch)
    took["matrix products alone"] = products.seconds(_MATRIX)
    took["products, convolutions, attention alone"] = products.seconds()
    return took


def measure(updaters: dict[str, Updater], batch: Batch, repeats: int) -> dict[str, list[dict[str, float]]]:
    """Let all take turns, after one update each to warm up."""
    for updater in updaters.values():
        updater.update(batch)
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in updaters}
    for _ in range(repeats):
        for name, updater in updaters.items():
            turns[name].append(turn(updater, batch))
    return turns


def flops(updater: Updater, batch: Batch) -> int:
    """Count the floating-point operations of an update in products and convolutions (on the CPU, not in attention)."""
    with FlopCounterMode(display=False) as counter:
        updater.update(batch)
    return counter.get_total_flops()


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a row for each contender: medians and [least, most] of the turns."""
    table = Table("encoder", "M parameters", "x real time", "bound / time", "matrix products / time", "GFLOP/s")
    for row in rows:
        table.add_row(
            row["encoder"], f"{row['parameters'] / 1e6:.1f}", spread(row["times_real_time"], 1),
            spread(row["bound_share"], 2), spread(row["matrix_share"], 2), f"{row['gflops']:.0f}",
        )  # fmt: skip
    console.print(table)


def row_of(name: str, updater: Updater, batch: Batch, turns: list[dict[str, float]]) -> dict[str, Any]:
    updates = [took["update"] for took in turns]
    return {
        "encoder": name,
        "parameters": parameters(updater.model),
        "times_real_time": [batch.seconds / value for value in updates],
        "bound_share": [took["products, convolutions, attention alone"] / took["update"] for took in turns],
        "matrix_share": [took["matrix products alone"] / took["update"] for took in turns],
        "gflops": flops(updater, batch) / statistics.median(updates) / 1e9,
        "turns": turns,
    }


@click.command()
@click.option("--size", "name", default="tiny", show_default=True, help="Size of config/model.")
@click.option("--seconds", default=40.0, show_default=True, help="Audio in a batch, in utterances of --utterance.")
@click.option("--utterance", default=4.0, show_default=True, help="Seconds of an utterance.")
@click.option("--repeats", default=7, show_default=True, help="Turns of each encoder.")
@click.option("--layers", default=0, help="Layers, where others than the size has.")
@click.option("--bf16", is_flag=True, help="Compute in bfloat16, as trainings do where the CPU has it.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="All numbers.")
def main(name: str, seconds: float, utterance: float, repeats: int, layers: int, bf16: bool, out: Path | None) -> None:
    """Print the speed of each encoder, how near it is to its bound, and the ratios within a turn."""
    torch.set_num_threads(1)
    where = about()
    batch = noise([utterance] * max(1, int(seconds / utterance)))
    updaters = contenders(name, bf16, **({"layers": layers} if layers else {}))
    turns = measure(updaters, batch, repeats)
    rows = [row_of(encoder, updater, batch, turns[encoder]) for encoder, updater in updaters.items()]
    console = Console()
    console.print(where)
    show(rows, console)
    speeds = {row["encoder"]: row["times_real_time"] for row in rows}
    ratios = {
        f"{ours} / {other}": [a / b for a, b in zip(speeds[ours], speeds[other], strict=True)] for ours, other in PAIRS
    }
    for pair, values in ratios.items():
        console.print(f"speed of {pair}: {spread(values, 2)}")
    if out:
        out.write_text(json.dumps({"machine": where, "rows": rows, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
