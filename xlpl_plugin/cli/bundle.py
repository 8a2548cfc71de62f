"""``xlpl bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from xlpl_plugin.bundling.bundle_options import BundleOptions
from xlpl_plugin.cli.declared import flags


@click.command("bundle")
@click.argument("model", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@flags(BundleOptions, "half", "lm_bits", "language", "licence")
@click.option("--force", is_flag=True, help="Overwrite what is in OUT.")
def command(model: Path, out: Path, force: bool, **rest: Any) -> None:
    """Put all that transcribing needs into the folder OUT, which works without the run, offline, on another machine.

    RUN is a run of `xlpl iterate`, whose best model, lexicon, LM and weights are taken, or a checkpoint, which is
    decoded greedily. OUT/README.md is a card that tells where the model comes from, what was judged, and what is known
    of licences. Nothing in a bundle is executed when it is opened.

    \b
    xlpl bundle runs/it italian --half --licence CC-BY-4.0
    xlpl transcribe italian interview.mp3
    """
    from xlpl_plugin.bundling.write_bundle import write_bundle

    done = write_bundle(model, out, BundleOptions(**rest), force=force)
    for title, what in done.contents.items():
        click.echo(f"{title}: {what}")
    total = sum(file.bytes for file in done.bundle.files.values())
    sizes = ", ".join(f"{name} {file.bytes / 1e6:.1f}" for name, file in sorted(done.bundle.files.items()))
    click.echo(f"{out}: {total / 1e6:.1f} MB ({sizes}), loads in {done.load_seconds:.2f} s")
