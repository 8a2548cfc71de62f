"""Tables that labelling and tuning print."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from xlpl_plugin.labels.generator import LabelSummary
from xlpl_plugin.labels.tuning import Trial, Tuning


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


def print_tuning(tuning: Tuning, show: int) -> None:
    """Print the ``show`` best trials and the choice."""
    table = Table(title="trials, the best first (no reference was read)", title_justify="left")
    table.add_column("LM weight", justify="right")
    table.add_column("word score", justify="right")
    for heading in (tuning.criterion, "UER", "LM nats/letter", "letters/greedy", "letters/word", "empty"):
        table.add_column(heading, justify="right")
    table.add_column("guard")
    for trial in tuning.trials[:show]:
        table.add_row(*_cells(trial))
    console = Console()
    console.print(table)
    best = tuning.best
    console.print(f"decoder.lm_weight={best.lm_weight} decoder.word_score={best.word_score}")
    if not tuning.trusted:
        console.print("careful: the guards refused every trial; this one is the nearest to the greedy output's length")


def _cells(trial: Trial) -> list[str]:
    outcome = trial.outcome
    numbers = (trial.value, outcome.uer, outcome.nats_per_letter, outcome.letters_ratio)
    return [
        f"{trial.weights.lm_weight:.2f}",
        f"{trial.weights.word_score:.2f}",
        *(f"{number:.3f}" for number in numbers),
        f"{outcome.word_length:.2f}",
        f"{outcome.empty}",
        trial.refused,
    ]
