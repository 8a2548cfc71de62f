"""When a run should end, which round is its best, and whether a source acoustic model is worth a run at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels.signals import Signals

ZERO_SHOT = ("stop", "warn", "off")


@dataclass
class StopConfig:
    """When rounds end before the last one that was planned."""

    # false: all rounds are run
    enabled: bool = True
    # the run ends when the labels changed by less than this word error rate since the round before
    change: float = 0.03
    # ... or after this many rounds in a row without a better label-free score
    patience: int = 2
    # ... but not before this round
    min_rounds: int = 2
    # where round 0 says that the source AM hears nothing of the target: stop, warn, or off (not asked)
    zero_shot: str = "warn"

    def check(self) -> None:
        """Raise ``XlplError`` for values out of range."""
        if not 0 <= self.change < 1:
            raise XlplError(f"stop.change={self.change}", expected="at least 0 and below 1")
        for name, least in (("patience", 1), ("min_rounds", 0)):
            if getattr(self, name) < least:
                raise XlplError(f"stop.{name}={getattr(self, name)}", expected=f"a whole number of at least {least}")
        if self.zero_shot not in ZERO_SHOT:
            raise XlplError(f"stop.zero_shot={self.zero_shot!r}", expected=f"one of {', '.join(ZERO_SHOT)}")


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


def decide(history: Sequence[Signals], config: StopConfig) -> Decision:
    """Judge the rounds of ``history``, round 0 first."""
    return Decision(stop=False, best=len(history) - 1, reason="")


def go_no_go(first: Signals, config: StopConfig) -> Verdict:
    """Judge the source AM by its labelling, round 0."""
    return Verdict(None, "", "")
