"""Does a ranking without labels agree with the true one? For folders of `xlpl rank`, one for each target.

Each model labels a split with the weights that were chosen for it, in RANK/NAME/labels/SPLIT; the error rates of that
are the truth. Within each target, pairs of models are compared; *top* counts the targets whose first model is truly the
best, *regret* is by how much CER it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import fmean

import click
from scipy.stats import spearmanr

from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.evaluation.scoring import ScoreOptions, score
from xlpl_plugin.evaluation.texts import read_references, read_systems
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.text_table import render
from xlpl_plugin.tuning.criteria import CRITERIA, SampleCounts
from xlpl_plugin.tuning.evidence import Evidence, detects_target, repeats_one_word
from xlpl_plugin.tuning.tune import TUNE_FILE, read_tuning

VERDICTS = {True: "go", None: "doubtful", False: "no"}


@dataclass(frozen=True)
class Case:
    """One model on one target; rates in per cent, with LM and greedy (romanised)."""

    target: str
    model: str
    evidence: Evidence
    outcome: SampleCounts
    wer: float
    cer: float
    greedy_cer: float


# what a ranking could go by; the lower the better
MEASURES: dict[str, Callable[[Case], float]] = {
    "evidence, babble last": lambda case: repeats_one_word(case.evidence) * 100 - case.evidence.gain,
    "evidence": lambda case: -case.evidence.gain,
    **{name: lambda case, value=value: value(case.outcome) for name, value in CRITERIA.items()},  # type: ignore[misc]
    "agreement with greedy": lambda case: case.evidence.real.edits,
    "LM nats a letter": lambda case: case.evidence.real.nats_per_letter,
    "confidence": lambda case: -case.evidence.real.confidence,
    "top word share": lambda case: case.evidence.real.top_word_share,
    "greedy CER (oracle)": lambda case: case.greedy_cer,
}


def measure_case(folder: Path, target: str, references: Path, split: str, beam: int) -> Case:
    """Label and score with one model."""
    tuning = read_tuning(folder)
    config = tuning.config
    decoder = tuning.apply(DecoderConfig(**{**config["decoder"], "beam": beam}))
    labels = folder / "labels" / split
    label(LabelConfig(am=config["am"], data=config["data"], split=split, out=str(labels), decoder=decoder))
    greedy, words = score(
        read_systems(labels, folder.name), read_references(references, split), ScoreOptions(resamples=1)
    )
    rates = (100 * rate.value for rate in (words.wer, words.cer, greedy.cer))
    return Case(target, folder.name, tuning.evidence, tuning.trials[0].outcome, *rates)


def agreement_row(name: str, cases: Sequence[Case]) -> dict[str, str]:
    """Compare the order by one measure with that by the true CER."""
    measure = MEASURES[name]
    right = [
        (measure(one) < measure(other)) == (one.cer < other.cer)
        for one, other in combinations(cases, 2)
        if one.target == other.target
    ]
    regrets = []
    for target in dict.fromkeys(case.target for case in cases):
        there = [case for case in cases if case.target == target]
        regrets.append(min(there, key=measure).cer - min(case.cer for case in there))
    return {
        "measure": name,
        "pairs in order": f"{sum(right)} of {len(right)}",
        "rho, all": f"{spearmanr([measure(case) for case in cases], [case.cer for case in cases]).statistic:+.2f}",
        "top": f"{sum(regret == 0 for regret in regrets)} of {len(regrets)}",
        "regret, mean": f"{fmean(regrets):.1f}",
        "regret, worst": f"{max(regrets):.1f}",
    }


def case_row(case: Case) -> dict[str, str]:
    evidence = case.evidence
    return {
        "target": case.target,
        "model": case.model,
        "evidence": f"{evidence.gain:.2f} ± {evidence.error or 0:.2f}",
        "verdict": VERDICTS[not repeats_one_word(evidence) and detects_target(evidence.gain, evidence.error)],
        "edits_and_lm": f"{evidence.real.value:.3f}",
        "confidence": f"{evidence.real.confidence:.3f}",
        "top word %": f"{100 * evidence.real.top_word_share:.0f}",
        "true WER": f"{case.wer:.1f}",
        "true CER": f"{case.cer:.1f}",
        "greedy CER": f"{case.greedy_cer:.1f}",
    }


@click.command(help=__doc__)
@click.argument("targets", nargs=-1, required=True, metavar="NAME=RANK=REFERENCES...")
@click.option("--split", default="test", show_default=True, help="What to label and score.")
@click.option("--beam", default=500, show_default=True)
@click.option("--leave-out", multiple=True, metavar="PART", help="Models whose name holds this.")
def main(targets: tuple[str, ...], split: str, beam: int, leave_out: tuple[str, ...]) -> None:
    cases = []
    for entry in targets:
        target, rank, references = entry.split("=")
        folders = sorted(file.parent for file in Path(rank).glob(f"*/{TUNE_FILE}"))
        kept = [folder for folder in folders if not any(part in folder.name for part in leave_out)]
        found = [measure_case(folder, target, Path(references), split, beam) for folder in kept]
        cases += sorted(found, key=MEASURES["evidence"])
    click.echo(render([case_row(case) for case in cases], "markdown") + "\n")
    click.echo(render([agreement_row(name, cases) for name in MEASURES], "markdown"))


if __name__ == "__main__":
    main()
