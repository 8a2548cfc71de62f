"""Does an acoustic model hear anything of the target language? Told without a label, by a null: the audio reversed.

Played backwards, the log-probs of an utterance hold the same units as often and as surely as forwards, but in an order
that no language has. So what the decoder with its lexicon and LM makes of them is what it makes of nothing. How much
better the true direction does is evidence that something of the target was heard; the score alone is none, since a
large LM weight writes likely text over any audio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from xlpl_plugin.decoding import Hypothesis, Weights
from xlpl_plugin.decoding.confidence import utterance_confidence
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels.criteria import CRITERIA, JudgingLM, measure_outcome
from xlpl_plugin.labels.sample import Sample

# the jackknife leaves out one of so many groups of utterances at a time
_GROUPS = 20
# a gain above this is speech of the language; one below this many standard errors may be chance
CLEAR_GAIN = 0.15
ERRORS = 3.0


@dataclass(frozen=True)
class Direction:
    """The sample decoded in one direction.

    Attributes:
        value: the criterion of tuning; lower is better.
        edits: units edited for each unit of the greedy output of the same direction.
        nats_per_letter: -ln probability under the judging LM, a letter.
        letters_ratio: letters for each greedy letter.
        confidence: mean of the utterances' confidences, 0 to 1.
        score: what the decoder maximised, a greedy unit.
    """

    value: float
    edits: float
    nats_per_letter: float
    letters_ratio: float
    confidence: float
    score: float


@dataclass(frozen=True)
class Evidence:
    """What speaks for an acoustic model that heard the target.

    Attributes:
        gain: criterion of the reversed audio minus that of the audio; 0: nothing was heard.
        error: standard error of the gain (jackknife over groups of utterances); None for a single utterance.
    """

    forwards: Direction
    backwards: Direction
    gain: float
    error: float | None


def gather_evidence(pool: DecoderPool, sample: Sample, weights: Weights, judge: JudgingLM, criterion: str) -> Evidence:
    """Decode ``sample`` forwards and backwards with the same weights, and compare by one of ``CRITERIA``."""
    sides = [_Side(pool, part, weights, judge, criterion) for part in (sample, sample.backwards())]
    everything = range(len(sample))
    forwards, backwards = (side.direction(everything) for side in sides)
    gains = []
    for group in range(min(_GROUPS, len(sample))):
        left = [number for number in everything if number % _GROUPS != group]
        if left:
            ahead, behind = (side.direction(left).value for side in sides)
            gains.append(behind - ahead)
    return Evidence(forwards, backwards, backwards.value - forwards.value, _jackknife(gains))


def hears(gain: float, error: float | None) -> bool | None:
    """Tell whether a gain speaks for a model that hears the target; None where that is doubtful."""
    if gain >= CLEAR_GAIN:
        return True
    return None if error is None or gain > ERRORS * error else False


class _Side:
    """One direction of the sample, decoded."""

    def __init__(self, pool: DecoderPool, sample: Sample, weights: Weights, judge: JudgingLM, criterion: str) -> None:
        [decoding] = sample.decode(pool, [weights])
        self._hypotheses, self._greedy = decoding.hypotheses, sample.greedy
        self._judge, self._criterion = judge, CRITERIA[criterion]

    def direction(self, rows: Sequence[int]) -> Direction:
        """Measure some of the utterances."""
        hypotheses: list[Hypothesis] = [self._hypotheses[row] for row in rows]
        outcome = measure_outcome(hypotheses, [self._greedy[row] for row in rows], self._judge)
        return Direction(
            value=self._criterion(outcome),
            edits=outcome.uer,
            nats_per_letter=outcome.nats_per_letter,
            letters_ratio=outcome.letters_ratio,
            confidence=fmean(utterance_confidence(hypothesis.confidences) for hypothesis in hypotheses),
            score=sum(hypothesis.score for hypothesis in hypotheses) / max(1, outcome.greedy_units),
        )


def _jackknife(values: Sequence[float]) -> float | None:
    """Return the standard error of a statistic from its values with each group left out."""
    if len(values) < 2:
        return None
    mean = fmean(values)
    return math.sqrt((len(values) - 1) * fmean((value - mean) ** 2 for value in values))


def parse_evidence(value: Mapping[str, Any], file: Path) -> Evidence:
    """Read what ``dataclasses.asdict`` made of an ``Evidence``; ``file`` is for the error.

    Raises:
        XlplError: it is none.
    """
    try:
        forwards, backwards = (Direction(**value[key]) for key in ("forwards", "backwards"))
        return Evidence(forwards, backwards, value["gain"], value["error"])
    except (KeyError, TypeError, ValueError) as error:
        raise XlplError(f"no evidence in it ({error})", file=file, expected="a file that `xlpl tune` wrote") from error
