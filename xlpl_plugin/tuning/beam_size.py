"""The smallest beam that changes next to nothing, found without a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from rapidfuzz.distance import Levenshtein
from scipy.special import gammaincinv

from xlpl_plugin.decoding import DecoderConfig, Hypothesis, Weights
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.tuning.sample import Decoding, Sample

# how sure a smaller beam has to be of what it changes
_CERTAINTY = 0.95


@dataclass(frozen=True)
class BeamTrial:
    """A sample decoded with one beam; differences are from the largest beam tried.

    Attributes:
        search_seconds: CPU time of the search.
        objective: mean score of the hypotheses (am_score + lm_weight * lm_score + word_score * words).
        worse: share of utterances whose objective is lower.
        changed_words: edits of words, for each word.
        changed_texts: share of utterances with other words.
        words: words of the sample; 0 where an earlier version did not say.
    """

    beam: int
    search_seconds: float
    objective: float
    worse: float
    changed_words: float
    changed_texts: float
    words: int = 0

    def may_change(self) -> float:
        """Return the largest share of changed words that the sample leaves possible (a one-sided Poisson interval)."""
        edits = round(self.changed_words * self.words)
        return float(gammaincinv(edits + 1, _CERTAINTY)) / max(1, self.words)


def try_beams(
    decoder: DecoderConfig, weights: Weights, beams: Sequence[int], sample: Sample, workers: int
) -> tuple[BeamTrial, ...]:
    """Decode ``sample`` with each of ``beams`` that is smaller than ``decoder.beam``, and with that one.

    Returns:
        One trial a beam, the smallest first.
    """
    tried = sorted({beam for beam in beams if beam < decoder.beam} | {decoder.beam})
    results: list[Decoding] = []
    for beam in tried:
        with DecoderPool(replace(decoder, beam=beam, nbest=1), sample.units, workers) as pool:
            results += sample.decode(pool, [weights])
    largest = results[-1].hypotheses
    return tuple(_compare(beam, result, largest) for beam, result in zip(tried, results, strict=True))


def smallest_beam(trials: Sequence[BeamTrial], tolerance: float) -> int:
    """Return the smallest beam that, as every larger one, surely changes at most ``tolerance`` of the words.

    Surely, since a sample has few words: one beam changed three of 766, 0.4 %, and 1.2 % of the whole split.
    """
    chosen = trials[-1].beam
    for trial in reversed(trials):
        if trial.may_change() > tolerance:
            break
        chosen = trial.beam
    return chosen


def _compare(beam: int, result: Decoding, largest: Sequence[Hypothesis]) -> BeamTrial:
    pairs = list(zip(result.hypotheses, largest, strict=True))
    edits = sum(Levenshtein.distance(found.words, best.words) for found, best in pairs)
    words = sum(len(best.words) for _, best in pairs)
    return BeamTrial(
        beam,
        round(result.search_seconds, 3),
        fmean(found.score for found, _ in pairs),
        fmean(found.score < best.score for found, best in pairs),
        edits / max(1, words),
        fmean(found.words != best.words for found, best in pairs),
        words,
    )
