"""What tuning prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xlpl_plugin.decoding import Weights
from xlpl_plugin.evaluation.oracle import ORACLE, Oracle
from xlpl_plugin.text_table import render
from xlpl_plugin.tuning.beam_size import BeamTrial
from xlpl_plugin.tuning.evidence import Evidence
from xlpl_plugin.tuning.rank_sources import Ranked, has_long_units
from xlpl_plugin.tuning.tune import Tuning
from xlpl_plugin.tuning.weight_search import Trial


def describe_tuning(tuning: Tuning, show: int) -> str:
    """Describe the ``show`` best trials, the beams and, on the last line, the choice as options of ``xlpl label``."""
    parts = [
        "trials by their tuning score, the best first; no reference was read",
        render([_row(trial, tuning.criterion, f"{trial.value:.4f}") for trial in tuning.trials[:show]]),
    ]
    if tuning.beams:
        told = "beams; differences are from the largest one, and what words it may change at most decides"
        parts += [f"\n{told}", render(_beam_rows(tuning.beams))]
    parts += ["\nis the target detected? the sample as it is, and spliced at random", _readings(tuning.evidence)]
    if not tuning.trusted:
        parts.append("careful: the guards refused every trial; this one is the least bad")
    choice = _overrides(tuning.best)
    return "\n".join([*parts, "", choice if tuning.beam is None else f"{choice} decoder.beam={tuning.beam}"])


def describe_oracle(oracle: Oracle, show: int) -> str:
    """Describe the ``show`` best trials by word error rate, and how far from them the label-free choice is."""
    rows = [_row(trial, "WER %", f"{100 * trial.value:.1f}") for trial in oracle.trials[:show]]
    parts = [f"{ORACLE} (trials on {oracle.utterances} utterances, the best first)", render(rows)]
    if oracle.label_free is not None and oracle.regret is not None:
        parts.append(
            f"\nlabel-free choice of tune.json: {_overrides(oracle.label_free.weights)}: WER "
            f"{100 * oracle.label_free.value:.1f} %, {100 * oracle.regret:+.1f} from the oracle's"
        )
    parts.append(f"oracle's choice: {_overrides(oracle.best.weights)}: WER {100 * oracle.best.value:.1f} %")
    return "\n".join([*parts, "", ORACLE])


def describe_ranking(ranking: Sequence[Ranked]) -> str:
    """Describe how well each model recognises words of the target, the best first."""
    return render([_ranked_row(row, has_long_units(row, ranking)) for row in ranking])


_VERDICTS: Mapping[bool | None, str] = {True: "go", None: "doubtful", False: "no"}


def _ranked_row(row: Ranked, long_units: bool) -> dict[str, str]:
    cells = {"model": row.name, "good for a start": _VERDICTS[row.detects_target]}
    titles = ("evidence", "tuning score", "UER", "LM nats/letter", "confidence", "top word %", "units/s")
    if row.evidence is None:
        return {**cells, **dict.fromkeys(titles, ""), "careful": "says nothing but blanks"}
    real = row.evidence.real
    values = (
        with_error(row.evidence),
        f"{real.value:.3f}",
        f"{real.edits:.3f}",
        f"{real.nats_per_letter:.2f}",
        f"{real.confidence:.3f}",
        f"{100 * real.top_word_share:.0f}",
        f"{row.units_per_second:.1f}",
    )
    careful = {
        "says one word to everything": row.repeats_one_word,
        "guards refused all weights": not row.trusted,
        "evidence too low: long units": long_units,
    }
    told = next((words for words, holds in careful.items() if holds), "")
    return {**cells, **dict(zip(titles, values, strict=True)), "careful": told}


def _overrides(weights: Weights) -> str:
    return (
        f"decoder.lm_weight={weights.lm_weight} decoder.word_score={weights.word_score} "
        f"decoder.blank_penalty={weights.blank_penalty}"
    )


def _row(trial: Trial, criterion: str, value: str) -> dict[str, str]:
    outcome = trial.outcome
    return {
        "LM weight": f"{trial.weights.lm_weight:.2f}",
        "word score": f"{trial.weights.word_score:.2f}",
        "blank penalty": f"{trial.weights.blank_penalty:.2f}",
        criterion: value,
        "UER": f"{outcome.uer:.3f}",
        "LM nats/letter": f"{outcome.nats_per_letter:.3f}",
        "letters/greedy": f"{outcome.letters_ratio:.2f}",
        "letters/word": f"{outcome.word_length:.2f}",
        "empty": f"{outcome.empty}/{outcome.utterances}",
        "guard": trial.refused,
    }


def _readings(evidence: Evidence) -> str:
    rows = [
        {
            "audio": name,
            "tuning score": f"{reading.value:.4f}",
            "UER": f"{reading.edits:.3f}",
            "LM nats/letter": f"{reading.nats_per_letter:.3f}",
            "letters/greedy": f"{reading.letters_ratio:.2f}",
            "confidence": f"{reading.confidence:.3f}",
            "top word %": f"{100 * reading.top_word_share:.0f}",
        }
        for name, reading in (("as it is", evidence.real), ("spliced", evidence.spliced))
    ]
    return f"{render(rows)}\nevidence: {with_error(evidence)} nats a unit; 0: no better than spliced audio"


def with_error(evidence: Evidence) -> str:
    """Write the gain and, where it is known, its standard error."""
    return f"{evidence.gain:.3f}" + ("" if evidence.error is None else f" ± {evidence.error:.3f}")


def _beam_rows(trials: Sequence[BeamTrial]) -> list[dict[str, str]]:
    return [
        {
            "beam": str(trial.beam),
            "CPU s": f"{trial.search_seconds:.1f}",
            "mean objective": f"{trial.objective:.2f}",
            "objective lower": f"{trial.worse:.1%}",
            "other words": f"{trial.changed_words:.1%}",
            "at most": f"{trial.may_change():.1%}" if trial.words else "",
            "other texts": f"{trial.changed_texts:.1%}",
        }
        for trial in trials
    ]
