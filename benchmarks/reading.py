"""What reading recordings costs: ``read_audio`` beside libsndfile alone, which believes the first header that it meets.

One row a form and length: milliseconds, ratio [least, most of the repeats], seconds of audio read in a second. Both
columns end in 16 kHz mono float32; the recordings are made here.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from machine import about

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.text_table import render

Array = npt.NDArray[np.float32]
SECONDS = (3, 10, 25)


def voice(rate: int, seconds: int) -> Array:
    """Return a sweep in noise, which packs about as speech does."""
    time_line = np.arange(rate * seconds) / rate
    sweep = 0.3 * np.sin(2 * np.pi * (150 + 200 * time_line / seconds) * time_line) * np.sin(9 * time_line)
    return (sweep + 0.01 * np.random.default_rng(1).standard_normal(time_line.size)).astype(np.float32)


def write(folder: Path, seconds: int) -> dict[str, Path]:
    """Write each form; the prepared ones as ``xlpl prepare`` does."""
    files = {
        "prepared FLAC": folder / f"{seconds}.flac",
        "prepared Opus": folder / f"{seconds}.opus",
        "16 kHz WAV": folder / f"{seconds}.wav",
        "44.1 kHz MP3": folder / f"{seconds}.mp3",
        "44.1 kHz stereo WAV": folder / f"{seconds}-stereo.wav",
        "44.1 kHz Vorbis": folder / f"{seconds}.ogg",
    }
    narrow, wide = voice(SAMPLE_RATE, seconds), voice(44_100, seconds)
    write_audio(files["prepared FLAC"], narrow)
    write_audio(files["prepared Opus"], narrow)
    soundfile.write(files["16 kHz WAV"], narrow, SAMPLE_RATE)
    soundfile.write(files["44.1 kHz stereo WAV"], np.stack([wide, 0.5 * wide], axis=1), 44_100)
    for form in ("44.1 kHz MP3", "44.1 kHz Vorbis"):
        soundfile.write(files[form], wide, 44_100)
    return files


def libsndfile_alone(path: Path) -> Array:
    samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1, dtype=np.float32)
    return mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE)


def clock(read: Callable[[Path], Array], path: Path) -> float:
    started = time.perf_counter()
    read(path)
    return time.perf_counter() - started


def measure(path: Path, seconds: int, repeats: int) -> dict[str, float]:
    """Time both, in turn."""
    pairs = [(clock(read_audio, path), clock(libsndfile_alone, path)) for _ in range(repeats)]
    ours, alone = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = sorted(one / other for one, other in pairs)
    tenth = repeats // 10
    return {
        "ms": 1000 * ours,
        "alone_ms": 1000 * alone,
        "ratio": statistics.median(ratios),
        "least": ratios[tenth],
        "most": ratios[-1 - tenth],
        "real_time": seconds / ours,
    }


def row(form: str, seconds: int, found: dict[str, float]) -> dict[str, str]:
    return {
        "form": form,
        "seconds": str(seconds),
        "read_audio ms": f"{found['ms']:.2f}",
        "libsndfile ms": f"{found['alone_ms']:.2f}",
        "ratio": f"{found['ratio']:.2f} [{found['least']:.2f}, {found['most']:.2f}]",
        "times real time": f"{found['real_time']:.0f}",
    }


@click.command(help=__doc__)
@click.option("--repeats", default=100, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="All numbers.")
def main(repeats: int, out: Path | None) -> None:
    where, found = about(), []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in SECONDS:
            for form, path in write(Path(folder), seconds).items():
                found.append({"form": form, "seconds": seconds, **measure(path, seconds, repeats)})
    click.echo("\n".join(f"{name}: {value}" for name, value in where.items()))
    figures = ("ms", "alone_ms", "ratio", "least", "most", "real_time")
    click.echo(render([row(one["form"], one["seconds"], {key: one[key] for key in figures}) for one in found]))
    if out:
        out.write_text(json.dumps({"machine": where, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
