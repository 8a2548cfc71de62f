"""How a run stands: which round is its best, and whether it should go on. Written to result.json after each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.monitoring.best_round import Verdict, decide, go_no_go, is_gain
from xlpl_plugin.monitoring.signals import DecoderWeights, Measurement
from xlpl_plugin.run.config import GREEDY, IterateConfig
from xlpl_plugin.run.corrected_data import CORRECTIONS_FILE, CorrectedTable, CorrectionsRecord
from xlpl_plugin.run.correction_words import told_of_corrections
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.plan.steps import Measure, Step
from xlpl_plugin.run.state import RunState
from xlpl_plugin.run.training.resume import collapse_of
from xlpl_plugin.stage import CONTINUOUS, Stage


@dataclass(frozen=True)
class PhaseResult:
    """What became of the continuous phase, judged without references.

    Attributes:
        start: number of the round that it started from.
        score: its label-free score on held-out audio; None where there is no LM to score with.
        start_score: that of the start.
        taken: whether its model is the one to use.
        collapse: why its training ended before its time ('' where it did not).
    """

    start: int
    score: float | None
    start_score: float | None
    taken: bool
    collapse: str


@dataclass(frozen=True)
class Result(JsonRecord):
    """``result.json``: how a run stands, judged without references.

    Attributes:
        rounds: number of the last round that was measured.
        best: number of the round whose labels look best.
        model: the acoustic model to use, relative to the run directory (as it was given, where it is a given source
            AM): that of the best round, or of the continuous phase where that was taken.
        weights: LM weight, word score, blank penalty and beam that go with it.
        finished: whether the run has come to its end.
        stopped: why, where that was before its last round.
        verdict: on the source AM, from round 0.
        continuous: what became of the phase after the rounds; None without one.
        corrections: the transcripts by a person that students learned from; with any, the run is not unsupervised.
    """

    rounds: int
    best: int
    model: str
    weights: DecoderWeights
    finished: bool
    stopped: str
    verdict: Verdict
    continuous: PhaseResult | None = None
    corrections: tuple[CorrectedTable, ...] = ()

    holds = "the result of a run"
    written_by = "`xlpl iterate`"

    @property
    def best_stage(self) -> Stage:
        """The stage whose model is the one to use."""
        return CONTINUOUS if self.continuous and self.continuous.taken else Stage.round(self.best)


def judge(config: IterateConfig, number: int) -> Result:
    """Choose the best round after round ``number`` was measured, and write result.json."""
    outcome = stand(config, number)
    outcome.write(RunLayout(config.out).result)
    return outcome


def stand(config: IterateConfig, number: int) -> Result:
    """Return how the run stands after round ``number`` was measured."""
    layout = RunLayout(config.out)
    measured = _measured(layout, number)
    history = [entry.signals for entry in measured]
    decision = decide(history, config.stop, max((entry.from_round for entry in config.corrections), default=0))
    more = number < config.rounds or (number == 0 and config.continuous.enabled)
    stopped = decision.reason if decision.stop and more else ""
    outcome = Result(
        rounds=number,
        best=decision.best,
        model=_model(config, layout, decision.best),
        weights=measured[decision.best].weights,
        finished=False,
        stopped=stopped,
        verdict=go_no_go(history[0], config.stop),
        corrections=_corrections(layout, Stage.round(number)),
    )
    return replace(outcome, finished=rounds_over(config, outcome) and not goes_on(config, outcome))


def _corrections(layout: RunLayout, stage: Stage) -> tuple[CorrectedTable, ...]:
    """Return what the student of a stage learned from a person."""
    record = CorrectionsRecord.read_if_there(layout.data(stage) / CORRECTIONS_FILE)
    return record.tables if record else ()


def _measured(layout: RunLayout, number: int) -> list[Measurement]:
    """Return what was measured after the rounds up to ``number``."""
    return [Measurement.read(layout.signals(Stage.round(k))) for k in range(number + 1)]


def known_outcome(
    config: IterateConfig, plan: Sequence[Step], marks: Mapping[str, str], state: RunState
) -> Result | None:
    """Return how the run stands where its rounds are over already, else None."""
    for step in plan:
        if isinstance(step, Measure):
            if not state.is_done(step.name, marks[step.name]):
                return None
            if rounds_over(config, outcome := stand(config, step.stage.number)):
                return outcome
    return None


def rounds_over(config: IterateConfig, outcome: Result) -> bool:
    return bool(outcome.stopped) or outcome.rounds == config.rounds


def goes_on(config: IterateConfig, outcome: Result) -> bool:
    """Return whether the continuous phase follows the rounds: not where round 0 ended them."""
    return config.continuous.enabled and rounds_over(config, outcome) and not _hopeless(outcome)


def judge_phase(config: IterateConfig, outcome: Result) -> Result:
    """Decide whether to take the continuous phase, which went on from the best round, and write result.json.

    Its model is taken where its score on held-out audio is lower than that of its start. Where its labels came from the
    LM that scores, it must be lower by more than seeds differ: such labels look good to that LM.
    """
    layout = RunLayout(config.out)
    measured = Measurement.read(layout.signals(CONTINUOUS))
    history = [entry.signals for entry in (*_measured(layout, outcome.best), measured)]
    phase = PhaseResult(
        start=outcome.best,
        score=history[-1].held_out,
        start_score=history[-2].held_out,
        taken=is_gain(history, clear=config.continuous.label_with != GREEDY),
        collapse=collapse_of(layout.training(CONTINUOUS) / "checkpoints"),
    )
    outcome = replace(outcome, finished=True, continuous=phase, corrections=_corrections(layout, CONTINUOUS))
    if phase.taken:
        model = str(layout.model(CONTINUOUS).relative_to(layout.run))
        outcome = replace(outcome, model=model, weights=measured.weights)
    outcome.write(layout.result)
    return outcome


def ending(config: IterateConfig, outcome: Result) -> str:
    """Return in words how a run ended."""
    file = RunLayout(config.out).result
    why = f"stopped after round {outcome.rounds}: {outcome.stopped}" if outcome.stopped else "all rounds are done"
    lines = [why, f"best round without looking at references: {outcome.best}", f"model: {outcome.model} ({file})"]
    if phase := outcome.continuous:
        lines.insert(2, f"continuous phase from round {phase.start}: {_phase_in_words(phase)}")
    return "\n".join(filter(None, [*lines, told_of_corrections(outcome.corrections)]))


def _phase_in_words(phase: PhaseResult) -> str:
    collapse = f"it collapsed and was put back ({phase.collapse}); " if phase.collapse else ""
    if phase.score is None or phase.start_score is None:
        return f"{collapse}not taken, since without an LM nothing tells whether it is better"
    verdict = "taken" if phase.taken else "not taken, since it is not better without looking at references"
    return f"{collapse}{verdict}: score on held-out audio {phase.score:.3f}, before {phase.start_score:.3f}"


def refuse_hopeless(config: IterateConfig, outcome: Result) -> None:
    """Raise ``XlplError`` where round 0 ended the run, since the source AM recognises nothing of the target."""
    if _hopeless(outcome):
        raise XlplError(
            f"the source AM is no good for this target: {outcome.verdict.reason}",
            file=RunLayout(config.out).signals(Stage.round(0)),
            expected="a source AM that recognises something of the target language",
            remedy=f"{outcome.verdict.advice} stop.zero_shot=warn goes on all the same",
        )


def _hopeless(outcome: Result) -> bool:
    return outcome.rounds == 0 and bool(outcome.stopped)


def _model(config: IterateConfig, layout: RunLayout, number: int) -> str:
    if number:
        return str(layout.model(Stage.round(number)).relative_to(layout.run))
    return config.source.checkpoint or str(Path(layout.source(1).name) / "model.pt")
