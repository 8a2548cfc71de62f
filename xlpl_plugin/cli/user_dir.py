"""``xlpl user-dir``."""

from __future__ import annotations

from pathlib import Path

import click

import xlpl_plugin


@click.command("user-dir")
def command() -> None:
    """Print the folder for fairseq's --user-dir (and common.user_dir).

    Example: fairseq-validate --user-dir $(xlpl user-dir) ...
    """
    click.echo(Path(str(xlpl_plugin.__file__)).resolve().parent)
