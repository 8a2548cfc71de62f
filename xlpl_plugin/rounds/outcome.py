"""How a run stands: which round is its best, and whether it should go on. Written to result.json after each round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json, write_json
from xlpl_plugin.labels.signals import Signals
from xlpl_plugin.rounds.layout import RunLayout
from xlpl_plugin.rounds.options import IterateConfig
from xlpl_plugin.rounds.stopping import Verdict, decide, go_no_go


@dataclass(frozen=True)
class Outcome:
    """Judged without references.

    Attributes:
        rounds: number of the last round that was measured.
        best: number of the round whose labels look best.
        model: its acoustic model, relative to the run directory (as it was given, where it is a given source AM).
        weights: LM weight, word score, blank penalty and beam that go with it.
        finished: whether the run has come to its end.
        stopped: why, where that was before its last round.
        verdict: on the source AM, from round 0.
    """

    rounds: int
    best: int
    model: str
    weights: dict[str, float]
    finished: bool
    stopped: str
    verdict: Verdict


def judge(config: IterateConfig, number: int) -> Outcome:
    """Judge the run after round ``number`` was measured, and write result.json."""
    layout = RunLayout(config.out)
    measured = [read_json(layout.signals(k)) for k in range(number + 1)]
    history = [Signals(**entry["signals"]) for entry in measured]
    decision = decide(history, config.stop)
    stopped = decision.reason if decision.stop and number < config.rounds else ""
    outcome = Outcome(
        rounds=number,
        best=decision.best,
        model=_model(config, layout, decision.best),
        weights=measured[decision.best]["weights"],
        finished=bool(stopped) or number == config.rounds,
        stopped=stopped,
        verdict=go_no_go(history[0], config.stop),
    )
    write_json(layout.result, outcome)
    return outcome


def refuse_hopeless(config: IterateConfig, outcome: Outcome) -> None:
    """Raise ``XlplError`` where round 0 ended the run, since the source AM hears nothing of the target."""
    if outcome.rounds == 0 and outcome.stopped:
        raise XlplError(
            f"the source AM is no good for this target: {outcome.verdict.reason}",
            file=RunLayout(config.out).signals(0),
            expected="a source AM that hears something of the target language",
            remedy=f"{outcome.verdict.advice} stop.zero_shot=warn goes on all the same",
        )


def _model(config: IterateConfig, layout: RunLayout, number: int) -> str:
    if number:
        return str(layout.model(number).relative_to(layout.run))
    return config.source.checkpoint or str(Path(layout.source_of(1).name) / "model.pt")
