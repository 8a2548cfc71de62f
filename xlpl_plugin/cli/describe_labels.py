"""What labelling prints."""

from __future__ import annotations

from xlpl_plugin.labelling.label_split import PartSummary
from xlpl_plugin.labelling.provenance import LabelSummary
from xlpl_plugin.shards.store import Part
from xlpl_plugin.text_table import render


def describe_labels(summary: LabelSummary) -> str:
    """Say what each filter removed, and what is left."""
    rows = [
        {
            "filter": row.name,
            "removed": str(row.removed),
            "seconds removed": f"{row.removed_seconds:.1f}",
            "left": str(row.left),
        }
        for row in summary.filters
    ]
    share = summary.kept / summary.utterances if summary.utterances else 0.0
    return (
        f"{render(rows)}\n\nkept {summary.kept} of {summary.utterances} utterances ({share:.0%}), "
        f"{summary.kept_seconds / 60:.1f} of {summary.seconds / 60:.1f} minutes, {summary.words} words"
    )


def describe_part(summary: PartSummary, part: Part, out: str) -> str:
    """Say what a part holds, and what comes next."""
    return (
        f"part {part}: {summary.shards} shards of {summary.utterances} utterances are done "
        f"({summary.found} of the shards were there)\n"
        f"when all {part.of} parts are: xlpl labels merge {out} [other folders] --out FINAL"
    )
