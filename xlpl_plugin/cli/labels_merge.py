"""``xlpl labels merge``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge")
@click.argument("arguments", nargs=-1, required=True, metavar="OUT... [filter.KEY=VALUE]...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the whole; may be one of OUT.")
@click.option("--data", default="", help="The prepared folder, if it lies elsewhere on this machine.")
@click.option("--force", is_flag=True, help="Overwrite what is in --out.")
def command(arguments: tuple[str, ...], out: Path, data: str, force: bool) -> None:
    """Put together the parts that `xlpl label --shard I/N` made, and apply the filters.

    Refused are missing and damaged shards (the commands that make them are shown), a shard that is not the same in two
    folders, and folders made with other models, lexicons, LMs or options. Filters are those of the first folder,
    unless they are given here.

    \b
    xlpl labels merge labels/part1 labels/part2 --out labels/all
    xlpl labels merge labels/shared --out labels/shared filter.min_agreement=0.5
    """
    from xlpl_plugin.cli.describe_labels import describe_labels
    from xlpl_plugin.labelling.merge_parts import merge

    overrides = [argument for argument in arguments if argument.startswith("filter.") and "=" in argument]
    folders = [argument for argument in arguments if argument not in overrides]
    if not folders:
        raise click.UsageError("no folder is given")
    click.echo(describe_labels(merge(folders, out, overrides, data=data, force=force)))
