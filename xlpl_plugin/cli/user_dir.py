"""``xlpl user-dir``."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import click

_PACKAGE = Path(__file__).resolve().parent.parent


@click.command("user-dir")
@click.option("--config", is_flag=True, help="Print the folder of the YAML files for fairseq-hydra-train instead.")
def command(config: bool) -> None:
    """Print the folder for fairseq's --user-dir (and common.user_dir).

    Example: fairseq-validate --user-dir $(xlpl user-dir) ...

    Example: fairseq-hydra-train --config-dir $(xlpl user-dir --config) --config-name train ...
    """
    click.echo(_config_folder() if config else _PACKAGE)


def _config_folder() -> Path:
    """In a checkout its own folder, so that edits count; otherwise where the installation put a copy."""
    checkout = _PACKAGE.parent
    if (checkout / "setup.py").exists():
        return checkout / "config"
    return Path(sysconfig.get_path("data")) / "share" / "xlpl" / "config"
