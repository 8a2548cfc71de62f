"""What 100 to 100,000 hours of target audio cost: GPU hours, CPU hours, disk and days, for rounds and continuous phase.

A sum, not a measurement. The speeds of CPUs were measured (benchmarks/README.md); those of GPUs are assumed from the
operations of a transformer, since none was measured. Put in the numbers of your own cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import click

from xlpl_plugin.files import write_json
from xlpl_plugin.text_table import Form, render

# FLOPs for each parameter and frame: a forward, and what a training does beside it
_FORWARD, _TRAINING = 2.0, 6.0
# updates on the cache against labelled ones, measured at p = 0.1 (docs/results/continuous.md)
_PHASE_FACTOR = 1.06
# weights with both moments of Adam, in float32; and checkpoints that a training keeps
_BYTES_A_PARAMETER, _CHECKPOINTS = 12, 2
_HOUR, _DAY, _GB = 3600.0, 24.0, 1e9


@dataclass(frozen=True)
class Setting:
    """A number of the sum: its default, what it is, and where the default is from."""

    default: float
    text: str
    origin: str


SETTINGS = {
    "gpus": Setting(8, "GPUs of the cluster", "choice"),
    "cores": Setting(64, "CPU cores for decoding and for preparing audio", "choice"),
    "rounds": Setting(4, "students; round 0 labels with the source AM", "choice"),
    "share": Setting(1.0, "share of the recordings that a round labels and learns from", "choice"),
    "passes": Setting(10, "times that a student hears each labelled recording", "choice"),
    "phase-passes": Setting(10, "times that the continuous phase hears each recording", "choice"),
    "parameters": Setting(255, "millions of parameters (model=paper has 255, base 60, tiny 6)", "config/model"),
    "frame-ms": Setting(30, "milliseconds of a frame (stride 3)", "config/model"),
    "peak-tflops": Setting(989, "dense bf16 peak of a GPU (H100 SXM)", "data sheet"),
    "training-utilisation": Setting(0.2, "share of the peak that a training reaches", "ASSUMED"),
    "forward-utilisation": Setting(0.3, "share of the peak that computing log-probs reaches", "ASSUMED"),
    "decoding-speed": Setting(80, "times real time that a core decodes (weak AM, beam 500)", "decode.py"),
    "preparing-speed": Setting(438, "times real time that a core prepares 44.1 kHz MP3", "prepare.py"),
    "bookkeeping-ms": Setting(1.5, "CPU ms an utterance and round: filters, manifests, measuring", "scale.py"),
    "utterance-seconds": Setting(10, "mean length of an utterance", "choice"),
    "audio-kb": Setting(18, "KB of a second of 16 kHz FLAC", "usual"),
    "units": Setting(31, "columns of the log-probs, 4 bytes each", "docs/method.md"),
    "label-kb": Setting(0.5, "KB of a second's label in shards and labels.jsonl together", "usual"),
}


@dataclass(frozen=True)
class Bill:
    """What so many hours of target audio cost; hours of GPUs and of CPU cores, GB, and days on the cluster."""

    hours: float
    utterances: float
    prepare_cpu: float
    training_gpu: float
    forward_gpu: float
    decoding_cpu: float
    bookkeeping_cpu: float
    rounds_days: float
    phase_gpu: float
    phase_days: float
    disk_gb: float


def bill(hours: float, value: dict[str, float]) -> Bill:
    """Sum up for one amount of audio; ``value`` has a number for each of ``SETTINGS``."""
    labelled, labellings = hours * value["share"], value["rounds"] + 1
    flops = value["parameters"] * 1e6 * 1000 / value["frame-ms"]
    train_speed = value["peak-tflops"] * 1e12 * value["training-utilisation"] / (_TRAINING * flops)
    forward_speed = value["peak-tflops"] * 1e12 * value["forward-utilisation"] / (_FORWARD * flops)
    training = value["rounds"] * value["passes"] * labelled / train_speed
    forward, decoding = labellings * labelled / forward_speed, labellings * labelled / value["decoding-speed"]
    phase = value["phase-passes"] * hours * _PHASE_FACTOR / train_speed
    utterances = hours * _HOUR / value["utterance-seconds"]
    # files of all utterances are written and filtered by one process
    bookkeeping = labellings * value["share"] * utterances * value["bookkeeping-ms"] / 1000 / _HOUR
    prepare = hours / value["preparing-speed"]
    # the AM and the decoder work at the same time, so that the slower one counts
    labelling = max(forward / value["gpus"], decoding / value["cores"])
    rounds = prepare / value["cores"] + training / value["gpus"] + labelling + bookkeeping
    return Bill(
        hours, utterances, prepare, training, forward, decoding, bookkeeping, rounds / _DAY,
        phase, phase / value["gpus"] / _DAY, _disk(hours, labelled, labellings, value),
    )  # fmt: skip


def _disk(hours: float, labelled: float, labellings: float, value: dict[str, float]) -> float:
    """Return GB: the audio, log-probs and labels of every labelling, and checkpoints."""
    log_probs = 1000 / value["frame-ms"] * value["units"] * 4
    label = value["label-kb"] * 1000
    kept = (hours * value["audio-kb"] * 1000 + labellings * labelled * (log_probs + label)) * _HOUR
    models = (value["rounds"] + 1) * _CHECKPOINTS * value["parameters"] * 1e6 * _BYTES_A_PARAMETER
    return (kept + models) / _GB


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    for name, setting in reversed(SETTINGS.items()):
        text = f"{setting.text} [{setting.origin}]"
        command = click.option(f"--{name}", default=float(setting.default), show_default=True, help=text)(command)
    return command


@click.command(help=__doc__)
@click.option("--hours", multiple=True, type=click.FloatRange(0, min_open=True), default=(100, 1000, 10_000, 100_000))
@click.option("--markdown", is_flag=True, help="Print a markdown table.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write all numbers there.")
@_settings
def main(hours: tuple[float, ...], markdown: bool, out: Path | None, **given: float) -> None:
    value = {name: given[name.replace("-", "_")] for name in SETTINGS}
    bills = [bill(amount, value) for amount in hours]
    form: Form = "markdown" if markdown else "text"
    click.echo(render([_row(one) for one in bills], form))
    assumed = [name for name, setting in SETTINGS.items() if setting.origin == "ASSUMED"]
    click.echo(f"\nassumed, not measured: {', '.join(f'--{name} {value[name]:g}' for name in assumed)}")
    if out:
        write_json(out, {"settings": value, "bills": [asdict(one) for one in bills]})


def _row(one: Bill) -> dict[str, str]:
    titles = {
        "hours": "hours", "utterances": "utterances", "prepare_cpu": "prepare, CPU h",
        "training_gpu": "students, GPU h", "forward_gpu": "log-probs, GPU h", "decoding_cpu": "decoding, CPU h",
        "bookkeeping_cpu": "files, CPU h", "rounds_days": "rounds, days", "phase_gpu": "phase, GPU h",
        "phase_days": "phase, days", "disk_gb": "disk, GB",
    }  # fmt: skip
    return {titles[field.name]: _number(getattr(one, field.name)) for field in fields(Bill)}


def _number(value: float) -> str:
    """Return two significant digits, as many as an estimate has."""
    return f"{float(f'{value:.2g}'):,.10g}"


if __name__ == "__main__":
    main()
