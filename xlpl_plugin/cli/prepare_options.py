"""What the verbs that prepare recordings have in common: their options, and how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from xlpl_plugin.data.prepare import Item, PrepareOptions, prepare
from xlpl_plugin.data.summary import PrepareReport
from xlpl_plugin.text_table import render

Function = TypeVar("Function", bound=Callable[..., Any])

_DEFAULT = PrepareOptions()
_OPTIONS = (
    click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write."),
    click.option("--speller", default=_DEFAULT.speller, show_default=True, help="unidecode, uroman or identity."),
    click.option("--pieces", default="", help="Sentencepiece model (xlpl prepare units); default: letters."),
    click.option("--test", default=_DEFAULT.test, show_default=True, help="Share of the text for the test part."),
    click.option("--valid", default=_DEFAULT.valid, show_default=True, help="Share of the text for the valid part."),
    click.option("--seed", default=_DEFAULT.seed, show_default=True, help="Another seed, another division."),
    click.option("--min-seconds", default=_DEFAULT.min_seconds, show_default=True, help="Drop what is shorter."),
    click.option("--min-rate", default=_DEFAULT.min_rate, show_default=True, help="Fewest letters a second."),
    click.option("--max-rate", default=_DEFAULT.max_rate, show_default=True, help="Most letters a second."),
    click.option("--skip-unreadable", is_flag=True, help="Drop broken audio, with the reason, instead of stopping."),
    click.option("--unlabelled", is_flag=True, help="Write no transcript; needs --references if there are any."),
    click.option("--references", type=click.Path(), default="", help="With --unlabelled: folder for the transcripts."),
    click.option("--workers", default=0, help="Parallel processes; default: one for each core."),
    click.option("--force", is_flag=True, help="Replace a folder that was prepared before."),
)


def preparation_options(function: Function) -> Function:
    """Add the options that end up in ``PrepareOptions``."""
    for option in reversed(_OPTIONS):
        function = option(function)
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
