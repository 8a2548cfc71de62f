"""When a run should end, which round is its best, and whether a source acoustic model is worth a run at all.

On the audio that students learn from, the label-free score falls with every round, whether they learn the language or
their labels by heart. So rounds are compared on the valid split, which no student has trained on: the best has the
lowest score there (docs/results/best-round.md says how far that can be believed). A student that learns short, likely
labels gets a better score than an honest one, so a round that raised the alarm of a collapse is never the best.
Distances of units and perplexities are shown and decide nothing: they did not follow the errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xlpl_plugin.monitoring.alarms import SPREAD_OF_SEEDS, collapsed
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.schema import option
from xlpl_plugin.tuning.evidence import detects_target

ZERO_SHOT = ("stop", "warn", "off")
# times a score: not to be told from it
_SAME = 1 + SPREAD_OF_SEEDS

_LOOK = "Look at some labels of round 0 before you spend hours on students, and compare sources with xlpl rank."
_OTHER_SOURCE = (
    "Students would learn noise. Train the source AM longer or on more languages, take sources that sound like the "
    "target (xlpl rank compares them), check that lexicon and LM are the target's and in the units of the AM, and "
    "listen to some recordings."
)


@dataclass
class StopConfig:
    """When rounds end before the last one that was planned."""

    enabled: bool = option(True, "false: all rounds are run")
    change: float = option(
        0.03,
        "the run ends when the labels changed by less than this word error rate since the round before: their true "
        "word error rate cannot have changed by more",
        least=0,
        below=1,
    )
    patience: int = option(
        2, "the run ends after this many rounds in a row that were not better than the best one", least=1
    )
    tolerance: float = option(
        0.0,
        "a round is better where its label-free score on held-out audio is lower by more than this share",
        least=0,
        below=1,
    )
    min_rounds: int = option(2, "the run does not end before this round", least=0)
    zero_shot: str = option(
        "warn",
        "where round 0 says that the source AM recognises nothing of the target: stop, warn, or off (not asked)",
        choices=ZERO_SHOT,
    )


@dataclass(frozen=True)
class Decision:
    """What the rounds so far say: ``best`` is a round's number; ``reason`` is '' where nothing speaks for an end."""

    stop: bool
    best: int
    reason: str


@dataclass(frozen=True)
class Verdict:
    """Whether the source AM is any good for the target; ``go`` is None where that is doubtful or unknown."""

    go: bool | None
    reason: str
    advice: str


def decide(history: Sequence[Signals], config: StopConfig, renewed: int = 0) -> Decision:
    """Choose the best round of ``history``, round 0 first, and say whether rounds end.

    Rounds do not end before round ``renewed``, in which students begin to learn from something else than before, and
    the rounds before it say nothing of those that follow.

    The best round is the earliest among those without an alarm of a collapse whose label-free score on held-out audio
    is within ``tolerance`` of the lowest; the lowest on the labelled audio, where that alone was measured; the last
    one, where there is no LM to score with. Rounds from ``renewed`` on come first, where one is no further from the
    lowest than seeds are from each other: the score hardly sees what a person's transcripts gain
    (docs/results/corrections.md).
    """
    best = best_round(history, config.tolerance, renewed)
    reason = _reason(history, best, config, renewed) if config.enabled else ""
    return Decision(bool(reason), best, reason)


def best_round(history: Sequence[Signals], tolerance: float, renewed: int = 0) -> int:
    """Return the round whose labels, and so whose model, are the best as far as can be told; as ``decide``."""
    rounds = range(len(history))
    sound = [number for number in rounds if not collapsed(history[: number + 1])] or list(rounds)
    held_out = {number: score for number in sound if (score := history[number].held_out) is not None}
    if held_out and len(held_out) == len(sound):
        same = _SAME * min(held_out.values())
        among = [number for number in sound if 0 < renewed <= number and held_out[number] <= same] or sound
        return earliest_near({number: held_out[number] for number in among}, tolerance)
    scored = [(score, number) for number in sound if (score := history[number].label_free) is not None]
    return min(scored)[1] if scored else sound[-1]


def earliest_near(scores: Mapping[int, float], tolerance: float) -> int:
    """Return the first of the rounds, in their order, whose score is within the tolerance of the lowest."""
    enough = (1 + tolerance) * min(scores.values())
    return next(number for number, score in scores.items() if score <= enough)


def is_gain(history: Sequence[Signals], *, clear: bool) -> bool:
    """Return whether the last labelling beats the one before, without a collapse; if ``clear``, by more than seeds do.

    Without a score on held-out audio that is unknown, and so not taken for a gain.
    """
    before, now = history[-2].held_out, history[-1].held_out
    if before is None or now is None or collapsed(history):
        return False
    return before > now * (_SAME if clear else 1)


def _reason(history: Sequence[Signals], best: int, config: StopConfig, renewed: int) -> str:
    now = len(history) - 1
    if now == 0:
        verdict = go_no_go(history[0], config) if config.zero_shot == "stop" else None
        return verdict.reason if verdict and verdict.go is False else ""
    if now < max(config.min_rounds, renewed):
        return ""
    change = history[now].change
    if change is not None and change < config.change:
        return f"the labels changed by {change:.1%} since round {now - 1}, less than stop.change={config.change:.1%}"
    if now - max(best, renewed - 1) >= config.patience:
        return f"no round after round {best} was better (stop.patience={config.patience})"
    return ""


def go_no_go(first: Signals, config: StopConfig) -> Verdict:
    """Decide by the source AM's labelling, round 0: does it recognise anything of the target?"""
    if config.zero_shot == "off":
        return Verdict(None, "stop.zero_shot=off", "")
    if first.evidence is None:
        return Verdict(
            None, "round 0 was not tuned: nobody knows whether the source AM recognises words of the target", _LOOK
        )
    figures = f"its audio decodes better than the same sounds spliced at random, by {first.evidence:.3f} nats a unit"
    if first.evidence_error is not None:
        figures += f" (standard error {first.evidence_error:.3f})"
    detected = detects_target(first.evidence, first.evidence_error)
    if detected:
        return Verdict(True, f"the source AM recognises words of the target: {figures}", "")
    if detected is None:
        return Verdict(None, f"it is doubtful whether the source AM recognises words of the target: {figures}", _LOOK)
    return Verdict(False, f"the source AM recognises nothing of the target: {figures}", _OTHER_SOURCE)
