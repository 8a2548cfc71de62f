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
from xlpl_plugin.data.prepare import prepare
from xlpl_plugin.data.preparing.reasons import Dropped, Reason
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.summary import PrepareReport
from xlpl_plugin.text_table import render

_DECLARED = tuple(item.name for item in fields(PrepareOptions) if item.name != "language")

# letters of what a decoder said that are shown; prepare.json has all
_LONGEST = 60


def preparation_options(function: Function) -> Function:
    """Add the flags of ``PrepareOptions`` but for the language, and of what is written."""
    for add in (
        click.option("--force", is_flag=True, help="Replace a folder that was prepared before."),
        click.option("--skip-unreadable", is_flag=True, help="The same as --unusable skip."),
        click.option("--unlabelled", is_flag=True, help="Write no transcript; needs --references if there are any."),
        flags(PrepareOptions, *_DECLARED),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write."),
    ):
        function = add(function)
    return function


def run_preparation(
    items: Sequence[Item],
    language: str,
    options: dict[str, Any],
    skipped: dict[str, str] | None = None,
    temporary: Path | None = None,
) -> None:
    """Prepare and print the report; ``options`` are those of ``preparation_options``.

    ``temporary`` is a folder of audio that will not last: nothing may link to it.
    """
    out, force, unlabelled = options.pop("out"), options.pop("force"), options.pop("unlabelled")
    if options.pop("skip_unreadable"):
        options["unusable"] = "skip"
    if bool(options["references"]) != unlabelled and any(item.text for item in items):
        raise click.UsageError(
            "--unlabelled and --references DIR go together: the transcripts must stand somewhere else"
        )
    settings = PrepareOptions(language=language, **options)
    report = prepare(items, out, settings, skipped=skipped or {}, force=force, temporary=temporary)
    click.echo(render_report(report))
    click.echo(f"\nwritten: {out}" + (f"; transcripts: {options['references']}" if unlabelled else ""))


def render_report(report: PrepareReport) -> str:
    """Return the parts, what was dropped and left out and why, and what else there is to say, as text."""
    characters = " ".join(f"{character!r}:{count}" for character, count in report.dropped_characters.items())
    removed = sum(report.removed_notes.values())
    said = (
        render(_parts(report)),
        render(_reasons(report)) if report.dropped else "",
        "\n".join(_meanings(report)),
        _cutting(report),
        f"links to recordings that are 16 kHz mono already: {report.linked}" if report.linked else "",
        f"dropped characters: {characters}" if characters else "",
        f"notes in brackets and addresses taken out: {removed}" if removed else "",
        *(f"note: {note}" for note in report.notes),
    )
    return "\n\n".join(filter(None, said))


def _parts(report: PrepareReport) -> list[dict[str, str]]:
    known = any(part.speakers for part in report.parts)
    return [
        {
            "part": part.part,
            "utterances": str(part.utterances),
            "minutes": f"{part.minutes:.1f}",
            "words": str(part.words),
            "word types": str(part.word_types),
            **({"speakers": str(part.speakers)} if known else {}),
        }
        for part in report.parts
    ]


def _reasons(report: PrepareReport) -> list[dict[str, str]]:
    counts = Counter(drop.reason for drop in report.dropped)
    examples = {drop.reason: drop for drop in reversed(report.dropped)}
    return [
        {"dropped because": reason, "files": str(count), "such as": _shown(examples[reason])}
        for reason, count in counts.most_common()
    ]


def _meanings(report: PrepareReport) -> list[str]:
    found = {drop.reason for drop in report.dropped}
    return [f"{reason}: {reason.sentence}" for reason in Reason if reason in found]


def _shown(drop: Dropped) -> str:
    detail = drop.detail if len(drop.detail) <= _LONGEST else f"{drop.detail[:_LONGEST]}..."
    return f"{drop.id} ({detail})" if detail else drop.id


def _cutting(report: PrepareReport) -> str:
    if not report.cut:
        return ""
    left = "; ".join(
        f"{one.reason}: {one.seconds / 60:.1f} minutes in {one.stretches} stretches" for one in report.left_out
    )
    return f"recordings cut into utterances: {report.cut}" + (f"; left out as {left}" if left else "")
