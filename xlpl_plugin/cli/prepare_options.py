"""What the verbs that prepare recordings have in common: their options, and how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from xlpl_plugin.cli.declared import Function, flags
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.data.summary import PrepareReport
from xlpl_plugin.text_table import render

_DECLARED = tuple(item.name for item in fields(PrepareOptions) if item.name != "language")


def preparation_options(function: Function) -> Function:
    """Add the flags of ``PrepareOptions`` but for the language, and of what is written."""
    for add in (
        click.option("--force", is_flag=True, help="Replace a folder that was prepared before."),
        click.option("--unlabelled", is_flag=True, help="Write no transcript; needs --references if there are any."),
        flags(PrepareOptions, *_DECLARED),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write."),
    ):
        function = add(function)
    return function


def run_preparation(
    items: Sequence[Item], language: str, options: dict[str, Any], skipped: dict[str, str] | None = None
) -> None:
    """Prepare and print the report; ``options`` are those of ``preparation_options``."""
    out, force, unlabelled = options.pop("out"), options.pop("force"), options.pop("unlabelled")
    if bool(options["references"]) != unlabelled and any(item.text for item in items):
        raise click.UsageError(
            "--unlabelled and --references DIR go together: the transcripts must stand somewhere else"
        )
    report = prepare(items, out, PrepareOptions(language=language, **options), skipped=skipped or {}, force=force)
    click.echo(render_report(report))
    click.echo(f"\nwritten: {out}" + (f"; transcripts: {options['references']}" if unlabelled else ""))


def render_report(report: PrepareReport) -> str:
    """Return the parts, the reasons for dropping, and what the normaliser took out, as text."""
    parts = [
        {
            "part": part.part,
            "utterances": str(part.utterances),
            "minutes": f"{part.minutes:.1f}",
            "words": str(part.words),
            "word types": str(part.word_types),
        }
        for part in report.parts
    ]
    counts = Counter(drop.reason for drop in report.dropped)
    examples = {drop.reason: drop.id for drop in reversed(report.dropped)}
    reasons = [
        {"dropped because": reason, "files": str(count), "such as": examples[reason]}
        for reason, count in counts.most_common()
    ]
    characters = " ".join(f"{character!r}:{count}" for character, count in report.dropped_characters.items())
    notes = sum(report.removed_notes.values())
    said = (
        render(parts),
        render(reasons) if reasons else "",
        f"dropped characters: {characters}" if characters else "",
        f"notes in brackets and addresses taken out: {notes}" if notes else "",
    )
    return "\n\n".join(filter(None, said))
