"""``xlpl labels``: what is done with labels that are there."""

from __future__ import annotations

import click

from xlpl_plugin.cli.lazy import LazyGroup

VERBS = {
    "merge": "Put together the parts that several machines made.",
    "join": "Put the labels of pieces together by recording, with their times.",
}


@click.command("labels", cls=LazyGroup, verbs=VERBS, prefix="labels_")
def command() -> None:
    """Work on folders that `xlpl label` wrote.

    Example: xlpl labels merge labels/part1 labels/part2 --out labels/all
    """
