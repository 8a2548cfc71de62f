"""How fast recordings become a prepared folder, what bounds that, and whether the memory grows with the corpus.

Clips of synthetic speech are written as 44.1 kHz MP3 and prepared. Decoding, resampling and writing are measured apart,
in one process, on some of the clips. The ratios are what a preparation took over the sum of these for all its clips: in
time on the clock times processes, which other work on the machine makes larger; and in CPU time, of one process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import soundfile
import soxr
from machine import about, memory

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.text_table import render

RATE = 44_100
# files that differ; the others are links to them
_DIFFERENT = 50
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and of CPU time."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Stages:
    """What one second of audio costs in one process."""

    decode: Cost
    resample: Cost
    write: Cost

    @property
    def total(self) -> Cost:
        parts = (self.decode, self.resample, self.write)
        return Cost(sum(part.wall for part in parts), sum(part.cpu for part in parts))


@dataclass(frozen=True)
class Speed:
    """A preparation: seconds on the clock, CPU time of the first process, and its peak of memory in MB."""

    clips: int
    hours: float
    workers: int
    wall: float
    cpu: float
    memory: float


def make_clips(folder: Path, count: int, seconds: float) -> list[Path]:
    """Write clips of speech; after the first ``_DIFFERENT`` files come the same under other names."""
    # torch is imported here, not where memory is measured
    from xlpl_plugin.audio.espeak import Voice, speak

    folder.mkdir()
    rng = np.random.default_rng(1)
    files = [folder / f"{number:07d}.mp3" for number in range(count)]
    for number, file in enumerate(files):
        if number < _DIFFERENT:
            text = " ".join(rng.choice(_WORDS, 60))
            spoken = speak(text, Voice("en-us", f"m{1 + number % 7}"))[: round(seconds * SAMPLE_RATE)]
            soundfile.write(file, soxr.resample(spoken, SAMPLE_RATE, RATE), RATE)
        else:
            os.link(files[number % _DIFFERENT], file)
    return files


def measure_stages(files: Sequence[Path], work: Path) -> Stages:
    waveforms = [read_audio(file) for file in files]
    native = [soxr.resample(waveform, SAMPLE_RATE, RATE) for waveform in waveforms]
    audio = sum(waveform.size for waveform in waveforms) / SAMPLE_RATE
    read = _timed(lambda: [read_audio(file) for file in files], audio)
    resample = _timed(lambda: [soxr.resample(samples, RATE, SAMPLE_RATE) for samples in native], audio)
    named = [(work / f"{number}.flac", waveform) for number, waveform in enumerate(waveforms)]
    write = _timed(lambda: [write_audio(*pair) for pair in named], audio)
    return Stages(Cost(read.wall - resample.wall, read.cpu - resample.cpu), resample, write)


def _timed(call: Callable[[], object], audio: float) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Cost((time.perf_counter() - wall) / audio, (time.process_time() - cpu) / audio)


def measure_speed(folder: Path, workers: int) -> Speed:
    """Prepare a folder of clips in this process and those that it starts."""
    files = sorted(folder.glob("*.mp3"))
    items = [Item(file.stem, file, f"one {file.stem} two three four five six seven", "train") for file in files]
    wall, cpu = time.perf_counter(), time.process_time()
    report = prepare(items, folder.with_suffix(".out"), PrepareOptions(workers=workers, max_rate=1e9), force=True)
    hours = sum(part.minutes for part in report.parts) / 60
    spent = time.perf_counter() - wall, time.process_time() - cpu
    return Speed(len(files), hours, workers, *spent, memory(os.getpid()).rss_peak)


def in_another_process(folder: Path, workers: int) -> Speed:
    """Measure in a fresh process, whose peak of memory is its own."""
    command = [sys.executable, __file__, "--measure", str(folder), "--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Speed(**json.loads(done.stdout))


def row(speed: Speed, stages: Stages) -> dict[str, str]:
    audio = 3600 * speed.hours
    one = speed.workers == 1
    return {
        "clips": str(speed.clips),
        "hours": f"{speed.hours:.2f}",
        "processes": str(speed.workers),
        "seconds": f"{speed.wall:.1f}",
        "hours a minute": f"{60 * speed.hours / speed.wall:.2f}",
        "ratio, clock": f"{speed.wall * speed.workers / (audio * stages.total.wall):.2f}",
        "ratio, CPU": f"{speed.cpu / (audio * stages.total.cpu):.2f}" if one else "",
        "memory of the first (MB)": f"{speed.memory:.0f}",
    }


@click.command(help=__doc__)
@click.option("--clips", multiple=True, type=int, default=(1000, 4000), show_default=True, help="Sizes of the corpora.")
@click.option("--seconds", default=4.0, show_default=True, help="Of a clip.")
@click.option("--workers", default=2, show_default=True)
@click.option("--measure", type=click.Path(path_type=Path), hidden=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures there as well.")
def main(clips: tuple[int, ...], seconds: float, workers: int, measure: Path | None, json_file: Path | None) -> None:
    if measure:
        click.echo(json.dumps(asdict(measure_speed(measure, workers))))
        return
    with tempfile.TemporaryDirectory() as work:
        folders = [Path(work) / str(count) for count in clips]
        files = [make_clips(folder, count, seconds) for folder, count in zip(folders, clips, strict=True)]
        stages = measure_stages(files[0][:_DIFFERENT], Path(work))
        speeds = [in_another_process(folder, workers) for folder in folders]
        speeds.append(in_another_process(folders[0], 1))
    for name, value in about().items():
        click.echo(f"{name}: {value}")
    costs = {name: (f"{1000 * cost.wall:.2f}", f"{1000 * cost.cpu:.2f}") for name, cost in vars(stages).items()}
    table = [{"ms for a second of audio": name, "clock": wall, "CPU": cpu} for name, (wall, cpu) in costs.items()]
    click.echo(f"\n{render(table)}\n\n{render([row(speed, stages) for speed in speeds])}")
    if json_file:
        json_file.write_text(json.dumps({"stages": asdict(stages), "speeds": [asdict(speed) for speed in speeds]}))


if __name__ == "__main__":
    main()
