"""The search over decoder weights, for whatever is called good: random, then local, on a sample of emissions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from xlpl_plugin.decoding import DecoderConfig, Hypothesis, Weights
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import join, option
from xlpl_plugin.tuning.criteria import CRITERIA, Level, SampleCounts
from xlpl_plugin.tuning.sample import Sample

# trials that are worse than the best by this share of its value count 1/e of it: about what the sample decides
_INDIFFERENCE = 0.0075
_LOCAL_BATCHES = 2
# the local trials are spread over at least this share of each range
_LEAST_SPREAD = 0.05

Array = NDArray[np.float64]


@dataclass
class SearchConfig:
    """What is searched, and what is called good."""

    criterion: str = option(
        "edits_and_lm",
        "edits_and_lm, wav2vec_u, lm_per_letter or channel; see `xlpl tune --help`",
        choices=tuple(CRITERIA),
    )
    sample: int = option(150, "utterances to decode for each trial, drawn at random; the same for all", least=1)
    trials: int = option(32, "trials spread over the whole ranges", least=1)
    local_trials: int = option(16, "trials drawn where the best of those lie", least=0)
    lm_weight: list[float] = option([0.5, 6.0], "range of LM weights", interval=True)
    word_score: list[float] = option(
        [-4.0, 4.0], "range of word scores; without a lexicon there is none to search", interval=True
    )
    beam: int = option(50, "beam of the trials", least=1)
    beams: list[int] = option(
        [20, 50, 100, 200, 500],
        "beams below decoder.beam of which the smallest that changes next to nothing is chosen; empty: decoder.beam "
        "is kept",
        least=1,
    )
    beam_tolerance: float = option(
        0.005, "share of the words that a smaller beam may change, with 95 % certainty", least=0, most=1
    )
    scoring_lm: str = option(
        "", "KenLM model that scores the hypotheses; empty: the decoder's own", file="a KenLM model to score with"
    )
    scoring_lm_level: str = option("words", "what the scoring LM is over: words or units", choices=("words", "units"))
    text: str = option(
        "",
        "normalised text of the target, to know how long its words are; empty: not compared",
        file="normalised text of the target",
    )
    blank_penalty: list[float] = option([0.0, 4.0], "range of blank penalties", interval=True)
    units_per_second: float = option(
        0.0,
        "units a second that the greedy output is made to have before trials are compared with it, by a penalty of "
        "the blank within its range; 0: what the acoustic model itself expects",
        least=0,
    )
    letters_ratio: list[float] = option(
        [0.75, 1.2],
        "guard: a trial with fewer or more letters than these factors of that greedy output is not chosen",
        interval=True,
        least=0,
    )
    max_empty: float = option(
        0.1,
        "guard: share of utterances without a word, of those in which the greedy decoder finds a letter",
        least=0,
        most=1,
    )
    max_word_length_ratio: float = option(1.3, "guard: letters a word over those of `text`, or the inverse", least=1)
    word_length: float = option(
        0.2,
        "how much words of another length than those of `text` count: by this times the log of the ratio a trial is "
        "worse; 0: only the guard looks at them",
        least=0,
    )
    seed: int = option(1, "seed of the sample and the trials", least=0)

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` for units that an LM over words would score (``check_options``)."""
        if self.scoring_lm_level == "units" and not self.scoring_lm:
            raise XlplError(
                f"{join(key, 'scoring_lm')} is empty", expected="a KenLM model over units, as scoring_lm_level says"
            )


def scoring_lm(search: SearchConfig, decoder: DecoderConfig) -> tuple[str, Level]:
    """Return the file of the LM that scores hypotheses ('' where there is none), and what it is over.

    The decoder's own, unless another is named; without a lexicon that one is over units.
    """
    in_units = search.scoring_lm_level == "units" or not (search.scoring_lm or decoder.lexicon)
    return search.scoring_lm or decoder.lm, "units" if in_units else "words"


@dataclass(frozen=True)
class Trial:
    """Weights, and how the sample looks when decoded with them.

    Attributes:
        value: the tuning score, the lower the better: the criterion against the greedy output of ``Sample``.
        refused: which guard objects; empty where none does.
        excess: how far beyond the guards it is, the sum over them of logs of ratios.
    """

    weights: Weights
    value: float
    outcome: SampleCounts
    refused: str = ""
    excess: float = 0.0


Evaluate = Callable[[Weights, Sequence[Hypothesis]], Trial]


def search_weights(pool: DecoderPool, sample: Sample, search: SearchConfig, evaluate: Evaluate) -> list[Trial]:
    """Decode ``sample`` with many weights and return the trials, the best first.

    Args:
        evaluate: makes a trial of weights and the sample's best hypotheses, in the sample's order.
    """
    trials: list[Trial] = []
    with tqdm(total=search.trials + search.local_trials, desc="tune", unit="trial") as bar:
        for batch in _proposals(search, trials):
            for decoding in sample.decode(pool, batch):
                trials.append(evaluate(decoding.weights, decoding.hypotheses))
                bar.update()
    return sorted(trials, key=_rank)


def steady_choice(trials: Sequence[Trial]) -> Weights:
    """Return the mean weights of the trials that passed the guards, of which only those near the best count.

    The criterion is flat and noisy near its minimum: which trial is the best is an accident of the sample. Where all
    were refused it is the least bad.

    Args:
        trials: the best first.
    """
    mean, _ = _mean_and_spread(trials)
    return Weights(*(round(float(value), 2) for value in mean))


def _mean_and_spread(ranked: Sequence[Trial]) -> tuple[Array, Array]:
    """Return (3,) means and standard deviations of LM weight, word score and blank penalty, as in ``steady_choice``."""
    counted = [trial for trial in ranked if not trial.refused] or ranked[:1]
    values = np.array([trial.value for trial in counted])
    shares = np.exp((values[0] - values) / max(_INDIFFERENCE * abs(values[0]), 1e-9))
    weights = np.array([astuple(trial.weights) for trial in counted], dtype=np.float64)
    mean = np.average(weights, axis=0, weights=shares)
    return mean, np.sqrt(np.average((weights - mean) ** 2, axis=0, weights=shares))


def _rank(trial: Trial) -> tuple[bool, float, tuple[float, ...]]:
    """Trials that pass the guards by their value; after them the others, those far beyond the guards last.

    Equals by their weights, since workers end in any order.
    """
    excess = trial.excess if trial.refused else 0.0
    return bool(trial.refused), trial.value + excess, astuple(trial.weights)


def _proposals(search: SearchConfig, trials: Sequence[Trial]) -> Iterator[list[Weights]]:
    """Yield batches of weights: the whole ranges first, then where the best of ``trials`` lie.

    The caller adds each batch to ``trials``. The second part is the cross-entropy method: normal draws with the mean
    and the spread of the trials near the best.
    """
    rng = np.random.default_rng(search.seed)
    bounds = np.array([search.lm_weight, search.word_score, search.blank_penalty])
    # one trial in each of n slices of either range: fewer gaps than independent draws
    slices = np.stack([rng.permutation(search.trials) for _ in bounds], axis=1)
    yield _weights(bounds, bounds[:, 0] + (slices + rng.random(slices.shape)) / search.trials * np.ptp(bounds, axis=1))
    left = search.local_trials
    while left > 0:
        number = min(left, math.ceil(search.local_trials / _LOCAL_BATCHES))
        mean, spread = _mean_and_spread(sorted(trials, key=_rank))
        spread = np.maximum(spread, _LEAST_SPREAD * np.ptp(bounds, axis=1))
        yield _weights(bounds, mean + spread * rng.standard_normal((number, len(bounds))))
        left -= number


def _weights(bounds: Array, values: Array) -> list[Weights]:
    inside = np.clip(values, bounds[:, 0], bounds[:, 1])
    return [Weights(*(round(float(value), 2) for value in row)) for row in inside]
