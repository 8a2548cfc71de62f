"""``xlpl config-dir``."""

from __future__ import annotations

import click

from xlpl_plugin.shipped import shipped_folder


@click.command("config-dir")
@click.option("--examples", is_flag=True, help="Print the folder of the examples instead.")
def command(examples: bool) -> None:
    """Print the folder of the YAML files for fairseq-hydra-train's --config-dir.

    They are for people to copy and change. A training of 'xlpl iterate' that names no config_dir takes this folder.

    \b
    fairseq-hydra-train --config-dir $(xlpl config-dir) --config-name train model=tiny ...
    cp $(xlpl config-dir --examples)/asterisk/short.yaml my-run.yaml
    """
    click.echo(shipped_folder("examples" if examples else "config"))
