"""Several windows of one long recording, decoded each by itself, joined to one hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain

from xlpl_plugin.decoding import Hypothesis


def join(hypotheses: Sequence[Hypothesis], frames: Sequence[int]) -> Hypothesis:
    """Return one hypothesis over the windows' frames one after the other.

    Words and units are concatenated, scores summed: each window was a sentence to the LM.

    Args:
        hypotheses: one for each window, in order.
        frames: the windows' numbers of frames.
    """
    if len(hypotheses) == 1:
        return hypotheses[0]
    offsets = list(accumulate(frames, initial=0))[:-1]
    placed = list(zip(hypotheses, offsets, strict=True))
    return Hypothesis(
        words=tuple(chain.from_iterable(one.words for one in hypotheses)),
        units=tuple(chain.from_iterable(one.units for one in hypotheses)),
        am_score=sum(one.am_score for one in hypotheses),
        lm_score=sum(one.lm_score for one in hypotheses),
        score=sum(one.score for one in hypotheses),
        frames=tuple(offset + frame for one, offset in placed for frame in one.frames),
        ends=tuple(offset + frame for one, offset in placed for frame in one.ends),
        confidences=tuple(chain.from_iterable(one.confidences for one in hypotheses)),
    )
