"""What each change of training audio costs, beside reading the audio and beside an update of the model.

    python benchmarks/augmentation.py --json augmentation.json

A batch of made-up recordings is read and changed on one thread; times are those of the processor, the least of
the repeats.
Utterances are drawn for each effect by its share, so the row of the suggested options is a mean over many draws.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from contenders import size
from machine import about
from reading import voice
from updates import UNITS, Updater, noise

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.augmentation.augmentation_options import AugmentationOptions
from xlpl_plugin.audio.augmentation.augmenter import Augmenter
from xlpl_plugin.audio.reading import read_audio, write_audio
from xlpl_plugin.models.encoder import AcousticEncoder
from xlpl_plugin.text_table import render

# docs/augmentation.md
SUGGESTED = {
    "aug_room": 0.4, "aug_noise": 0.4, "aug_babble": 0.1, "aug_hum": 0.1, "aug_microphone": 0.5, "aug_clip": 0.1,
    "aug_phone": 0.15, "aug_compress": 0.05,
}  # fmt: skip


def clock(work: Callable[[], Any], repeats: int) -> float:
    """Return the least CPU seconds of this process."""
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def augmenting(files: list[Path], options: dict[str, float], draws: int, repeats: int) -> float:
    """Return the seconds that ``options`` take for the files once: the mean of so many epochs, reading left out."""
    augmenter = Augmenter(AugmentationOptions(**options))  # type: ignore[arg-type]
    recordings = [read_audio(file) for file in files]

    def work() -> None:
        for epoch in range(draws):
            for row, samples in enumerate(recordings):
                augmenter(samples, (1, epoch, row), lambda rng: read_audio(files[rng.integers(len(files))]))

    return clock(work, repeats) / draws


def updating(name: str, lengths: list[float], repeats: int) -> float:
    updater, batch = Updater(AcousticEncoder(size(name), UNITS)), noise(lengths)
    updater.update(batch)
    return clock(lambda: updater.update(batch), repeats)


@click.command(help=__doc__)
@click.option("--size", "name", default="tiny", show_default=True, help="Size of config/model.")
@click.option("--seconds", default=40, show_default=True, help="Audio in a batch, in utterances of --utterance.")
@click.option("--utterance", default=4, show_default=True, help="Seconds of an utterance.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), help="All numbers.")
def main(name: str, seconds: int, utterance: int, repeats: int, out: Path | None) -> None:
    torch.set_num_threads(1)
    where, lengths = about(), [float(utterance)] * max(1, seconds // utterance)
    update = updating(name, lengths, repeats)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.flac" for number in range(len(lengths))]
        for file in files:
            write_audio(file, voice(SAMPLE_RATE, utterance))
        found = {"reading": clock(lambda: [read_audio(file) for file in files], repeats)}
        for share in SUGGESTED:
            found[f"{share}=1"] = augmenting(files, {share: 1.0}, 1, repeats)
        found["suggested"] = augmenting(files, SUGGESTED, 20, max(1, repeats // 3))
    rows = [
        {"what": what, "ms": 1000 * took, "share_of_update": took / update}
        for what, took in (("update", update), *found.items())
    ]
    click.echo("\n".join(f"{key}: {value}" for key, value in where.items()))
    shown = [{**row, "ms": f"{row['ms']:.1f}", "share_of_update": f"{row['share_of_update']:.3f}"} for row in rows]
    click.echo(render(shown))
    if out:
        out.write_text(json.dumps({"machine": where, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
