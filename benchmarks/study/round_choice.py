"""Does a run find its best round without labels? Its rule, applied again to runs whose error rates are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from study.expected import LEAST_LANGUAGES
from study.records import WORDS, CellRecord
from xlpl_plugin.monitoring.best_round import StopConfig, decide
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.stage import Stage
from xlpl_plugin.text_table import render

# of `stop.tolerance`
TOLERANCES = (0.0, 0.01, 0.02, 0.03, 0.05)
# round 0 counts; fewer leave little to choose
LEAST_STAGES = 4


class Outcome(NamedTuple):
    """``regret``: points of WER from the best of all rounds that were made; ``rounds``: when the rule ends the run."""

    regret: float
    rounds: int


@dataclass(frozen=True)
class History:
    """The rounds of one run, round 0 first. ``rates``: word error rates of the test part, as shares."""

    language: str
    signals: tuple[Signals, ...]
    rates: tuple[float, ...]

    def replay(self, config: StopConfig) -> Outcome:
        """Apply the rule after each round, until it ends the run or no more rounds were made."""
        for last in range(len(self.signals)):
            decision = decide(self.signals[: last + 1], config)
            if decision.stop:
                break
        return Outcome(100 * (self.rates[decision.best] - min(self.rates)), last)


def histories(records: Iterable[CellRecord]) -> list[History]:
    """Return all runs of people's speech whose rounds each have a score on held-out audio, and words under an LM."""
    found = []
    for record in records:
        stages = [one for one in record.stages if Stage.parse(one.stage).is_round]
        signals = tuple(one.measurement.signals for one in stages)
        rates = tuple(one.lm.score.rate.value for one in stages if one.lm)
        known = len(rates) == len(stages) and all(one.held_out is not None for one in signals)
        if known and record.unit == WORDS and record.is_human and len(stages) >= LEAST_STAGES:
            found.append(History(record.language, signals, rates))
    return found


def compare(runs: Sequence[History]) -> str:
    """Return the page's tables: what each tolerance gives, and a language told by the choice of the others."""
    languages = sorted({run.language for run in runs})
    if len(languages) < LEAST_LANGUAGES:
        return f"Not known yet: it takes {LEAST_LANGUAGES} languages, and there are runs of {len(languages)}."
    told = {
        value: {
            language: [run.replay(StopConfig(tolerance=value)) for run in runs if run.language == language]
            for language in languages
        }
        for value in TOLERANCES
    }
    regrets = {
        value: {language: float(np.mean([one.regret for one in found])) for language, found in row.items()}
        for value, row in told.items()
    }
    rows = [_row(value, list(chain(*told[value].values())), regrets[value]) for value in TOLERANCES]
    fewest, most = (end(len(run.rates) - 1 for run in runs) for end in (min, max))
    about = f"{len(runs)} runs of {len(languages)} languages, of {fewest} to {most} rounds."
    return "\n\n".join([about, render(rows, "markdown"), _left_out(regrets, languages)])


def _row(tolerance: float, outcomes: Sequence[Outcome], regrets: Mapping[str, float]) -> dict[str, str]:
    return {
        "stop.tolerance": f"{tolerance:g}",
        "regret, points of WER": f"{np.mean([one.regret for one in outcomes]):.2f}",
        "at worst": f"{max(one.regret for one in outcomes):.1f}",
        "rounds": f"{np.mean([one.rounds for one in outcomes]):.1f}",
        **{language: f"{regret:.2f}" for language, regret in regrets.items()},
    }


def _left_out(regrets: Mapping[float, Mapping[str, float]], languages: Sequence[str]) -> str:
    """Say which tolerance is best for all languages but one, each counting alike, and what that one has by it."""
    rows = []
    for language in languages:
        others = {value: np.mean([row[name] for name in row if name != language]) for value, row in regrets.items()}
        chosen = min(others, key=others.__getitem__)
        rows.append({"left out": language, "chosen": f"{chosen:g}", "regret": f"{regrets[chosen][language]:.2f}"})
    return render(rows, "markdown")
