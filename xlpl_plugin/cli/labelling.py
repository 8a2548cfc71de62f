"""What labelling and tuning print."""

from __future__ import annotations

from xlpl_plugin.evaluation.table import render
from xlpl_plugin.labels.generator import LabelSummary
from xlpl_plugin.labels.tuning import Trial, Tuning


def describe_labels(summary: LabelSummary) -> str:
    """Tell what each filter removed, and what is left."""
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


def describe_tuning(tuning: Tuning, show: int) -> str:
    """Tell the ``show`` best trials and, on the last line, the choice as overrides for ``xlpl label``."""
    best = tuning.best
    caution = "" if tuning.trusted else "careful: the guards refused every trial; this one is the least bad"
    return "\n".join(
        [
            "trials, the best first; no reference was read",
            render([_row(trial, tuning.criterion) for trial in tuning.trials[:show]]),
            caution,
            f"decoder.lm_weight={best.lm_weight} decoder.word_score={best.word_score} "
            f"decoder.blank_penalty={best.blank_penalty}",
        ]
    )


def _row(trial: Trial, criterion: str) -> dict[str, str]:
    outcome = trial.outcome
    return {
        "LM weight": f"{trial.weights.lm_weight:.2f}",
        "word score": f"{trial.weights.word_score:.2f}",
        "blank penalty": f"{trial.weights.blank_penalty:.2f}",
        criterion: f"{trial.value:.4f}",
        "UER": f"{outcome.uer:.3f}",
        "LM nats/letter": f"{outcome.nats_per_letter:.3f}",
        "letters/greedy": f"{outcome.letters_ratio:.2f}",
        "letters/word": f"{outcome.word_length:.2f}",
        "empty": f"{outcome.empty}/{outcome.utterances}",
        "guard": trial.refused,
    }
