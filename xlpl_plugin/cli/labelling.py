"""Tables that labelling and tuning print."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from xlpl_plugin.labels.generator import LabelSummary


def print_summary(summary: LabelSummary) -> None:
    """Print what each filter removed, and what is left."""
    table = Table(title="labels", title_justify="left")
    for heading in ("filter", "removed", "seconds", "left"):
        table.add_column(heading, justify="left" if heading == "filter" else "right")
    table.add_row("(all)", "", "", str(summary.utterances))
    for row in summary.filters:
        table.add_row(row.name, str(row.removed), f"{row.removed_seconds:.1f}", str(row.left))
    console = Console()
    console.print(table)
    share = summary.kept / summary.utterances if summary.utterances else 0.0
    console.print(
        f"kept {summary.kept} of {summary.utterances} utterances ({share:.0%}), "
        f"{summary.kept_seconds / 60:.1f} of {summary.seconds / 60:.1f} minutes, {summary.words} words"
    )
