"""LM weight and word score chosen without a label: random, then local search on a sample of emissions."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING
from tqdm import tqdm

from xlpl_plugin.data.manifest import Manifest, read_manifest
from xlpl_plugin.decoding import DecoderConfig, Hypothesis, LogProbs, Weights
from xlpl_plugin.decoding.blank import expected_units, penalty_for_length
from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.decoding.pool import DecoderPool, Task
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, new_output, read_json, write_json
from xlpl_plugin.labels.criteria import CRITERIA, JudgingLM, Outcome, letters_per_word, measure_outcome
from xlpl_plugin.labels.emissions import EmissionSource, InputConfig, open_source
from xlpl_plugin.text.lexicon import read_lexicon

logger = logging.getLogger(__name__)

TUNE_FILE = "tune.json"
# the local search looks around the best trial, first at this share of the ranges, then at half of it, ...
_LOCAL_SPREAD = 0.15


@dataclass
class SearchConfig:
    """What is searched, and what is called good."""

    # edits_and_lm, wav2vec_u, lm_per_letter or channel; see `xlpl tune --help`
    criterion: str = "edits_and_lm"
    # utterances to decode for each trial, drawn at random
    sample: int = 150
    # trials spread over the whole ranges
    trials: int = 32
    # trials around the best one, after that
    local_trials: int = 16
    # range of LM weights
    lm_weight: list[float] = field(default_factory=lambda: [0.5, 6.0])
    # range of word scores
    word_score: list[float] = field(default_factory=lambda: [-4.0, 4.0])
    # beam of the trials; the weights are then used with decoder.beam
    beam: int = 50
    # KenLM model that judges the hypotheses; empty: the decoder's own, which a large weight deceives more easily
    judge: str = ""
    # what the judging LM is over: words or units
    judge_level: str = "words"
    # normalised text of the target, to know how long its words are; empty: not compared
    text: str = ""
    # range of blank penalties
    blank_penalty: list[float] = field(default_factory=lambda: [0.0, 4.0])
    # units a second that the greedy output is made to have before trials are compared with it, by a penalty of the
    # blank within its range; 0: what the acoustic model itself expects
    units_per_second: float = 0.0
    # guards: a trial outside is not chosen. Letters for each letter of that greedy output
    letters_ratio: list[float] = field(default_factory=lambda: [0.8, 1.2])
    # guard: share of utterances without a word, of those in which the greedy decoder finds a letter
    max_empty: float = 0.1
    # guard: letters a word over those of `text`, or the inverse
    max_word_length_ratio: float = 1.3
    # of the sample and the trials
    seed: int = 1

    def check(self) -> None:
        """Raise ``XlplError`` for values that cannot be searched."""
        if self.criterion not in CRITERIA:
            raise XlplError(f"search.criterion={self.criterion!r}", expected=f"one of {', '.join(CRITERIA)}")
        if self.judge_level not in ("words", "units"):
            raise XlplError(f"search.judge_level={self.judge_level!r}", expected="words or units")
        if self.judge_level == "units" and not self.judge:
            raise XlplError("search.judge is empty", expected="a KenLM model over units, as judge_level says")
        for name in ("lm_weight", "word_score", "blank_penalty", "letters_ratio"):
            bounds = getattr(self, name)
            if len(bounds) != 2 or not bounds[0] <= bounds[1]:
                raise XlplError(f"search.{name}={bounds}", expected="[lowest, highest]")
        for name, least in (("sample", 1), ("trials", 1), ("local_trials", 0), ("beam", 1)):
            if getattr(self, name) < least:
                raise XlplError(f"search.{name}={getattr(self, name)}", expected=f"a whole number of at least {least}")


@dataclass
class TuneConfig(InputConfig):
    """What to tune for, and where to write ``tune.json``."""

    # new folder for tune.json
    out: str = MISSING
    # lexicon and LM; lm_weight and word_score are what is sought
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    # ranges, trials, criterion and guards
    search: SearchConfig = field(default_factory=SearchConfig)


@dataclass(frozen=True)
class Trial:
    """One pair of weights and how the sample looks when decoded with it; ``refused`` says which guard objects."""

    weights: Weights
    value: float
    outcome: Outcome
    refused: str = ""


@dataclass(frozen=True)
class Tuning:
    """The choice and all trials, the best first; ``trusted`` is false where the guards refused every trial.

    ``units_per_second`` is what the acoustic model expects without a penalty, to be asked of later models.
    """

    best: Weights
    units_per_second: float
    criterion: str
    trusted: bool
    trials: tuple[Trial, ...]


def tune(config: TuneConfig, *, force: bool = False) -> Tuning:
    """Choose ``decoder.lm_weight`` and ``decoder.word_score`` and write ``tune.json``. No reference is read.

    Raises:
        XlplError: results are there already (without ``force``), no LM to weigh, or broken input.
    """
    out = new_output(config.out, force=force)
    config.search.check()
    if not config.decoder.lm:
        raise XlplError("decoder.lm is empty", expected="a KenLM model whose weight is sought")
    search = config.search
    judge = JudgingLM(search.judge or config.decoder.lm, "units" if search.judge_level == "units" else "words")
    source = open_source(config)
    length = None
    if search.text:
        length = letters_per_word(search.text, read_lexicon(config.decoder.lexicon, source.units).spellings)
    sample = _Sample(source, read_manifest(config.data, config.split, labels=False), search)
    with DecoderPool(replace(config.decoder, beam=search.beam, nbest=1), source.units, config.workers) as pool:
        trials: list[Trial] = []
        with tqdm(total=search.trials + search.local_trials, desc="tune", unit="trial") as bar:
            for batch in _proposals(search, trials):
                for weights, hypotheses in sample.decode(pool, batch):
                    outcome = measure_outcome(hypotheses, sample.greedy, judge)
                    trials.append(judge_trial(weights, outcome, search, length))
                    bar.update()
    ranked = tuple(sorted(trials, key=_rank))
    tuning = Tuning(
        ranked[0].weights,
        sample.units_per_second,
        search.criterion,
        trusted=not ranked[0].refused,
        trials=ranked,
    )
    if not tuning.trusted:
        logger.warning("the guards refused every trial; the least bad one is taken (%s)", ranked[0].refused)
    write_json(out / TUNE_FILE, {**asdict(tuning), "config": asdict(config), "am_sha256": source.am_sha256})
    return tuning


def tuned(decoder: DecoderConfig, folder: str | Path) -> DecoderConfig:
    """Return ``decoder`` with the weights and the blank penalty that ``tune`` wrote to ``folder``.

    Raises:
        XlplError: there is no tune.json, or it holds no choice.
    """
    try:
        weights = Weights(**_read_choice(folder, "best"))
    except TypeError as error:
        raise XlplError(f"no weights in it ({error})", file=Path(folder) / TUNE_FILE, expected="best: ...") from error
    return replace(decoder, **asdict(weights))


def read_units_per_second(folder: str | Path) -> float:
    """Return how many units a second the acoustic model that was tuned in ``folder`` expects."""
    return float(_read_choice(folder, "units_per_second"))


def _read_choice(folder: str | Path, key: str) -> Any:
    file = must_exist(Path(folder) / TUNE_FILE, "the choice of `xlpl tune`")
    choice = read_json(file)
    if key not in choice:
        raise XlplError(f"no {key!r} in it", file=file, expected="a file that `xlpl tune` wrote")
    return choice[key]


def judge_trial(weights: Weights, outcome: Outcome, search: SearchConfig, word_length: float | None) -> Trial:
    """Apply criterion and guards to one trial; ``word_length`` is the target text's letters a word, if known."""
    lowest, highest = search.letters_ratio
    refused = ""
    if not lowest <= outcome.letters_ratio <= highest:
        refused = f"letters {outcome.letters_ratio:.2f} of greedy's"
    elif outcome.empty > search.max_empty * outcome.utterances:
        refused = f"{outcome.empty} of {outcome.utterances} empty"
    elif word_length:
        ratio = outcome.word_length / word_length
        if max(ratio, 1 / max(ratio, 1e-9)) > search.max_word_length_ratio:
            refused = f"words {ratio:.2f} times as long as the text's"
    return Trial(weights, CRITERIA[search.criterion](outcome), outcome, refused)


def _rank(trial: Trial) -> tuple[bool, float]:
    """Trials that pass the guards by their criterion; after them the others, far from greedy's length last."""
    distance = abs(math.log(max(trial.outcome.letters_ratio, 1e-3))) if trial.refused else 0.0
    return bool(trial.refused), trial.value + distance


def _proposals(search: SearchConfig, trials: Sequence[Trial]) -> Iterator[list[Weights]]:
    """Yield batches of weights: the whole ranges first, then around the best of ``trials``, which the caller fills."""
    rng = np.random.default_rng(search.seed)
    bounds = np.array([search.lm_weight, search.word_score, search.blank_penalty])
    # one trial in each of n slices of either range: fewer gaps than independent draws
    slices = np.stack([rng.permutation(search.trials) for _ in bounds], axis=1)
    yield _weights(bounds, (slices + rng.random(slices.shape)) / search.trials)
    spread, left = _LOCAL_SPREAD, search.local_trials
    while left > 0:
        number = min(left, max(4, search.local_trials // 2))
        best = min(trials, key=_rank).weights
        widths = np.maximum(bounds[:, 1] - bounds[:, 0], 1e-9)
        centre = (np.array(astuple(best)) - bounds[:, 0]) / widths
        yield _weights(bounds, np.clip(centre + spread * rng.standard_normal((number, len(bounds))), 0, 1))
        spread, left = spread / 2, left - number


def _weights(bounds: np.ndarray, shares: np.ndarray) -> list[Weights]:
    values = bounds[:, 0] + shares * (bounds[:, 1] - bounds[:, 0])
    return [Weights(*(round(float(value), 2) for value in row)) for row in values]


class _Sample:
    """Emissions of some utterances and their greedy output, decoded with many weights."""

    def __init__(self, source: EmissionSource, manifest: Manifest, search: SearchConfig) -> None:
        rng = np.random.default_rng(search.seed)
        chosen = sorted(rng.permutation(len(manifest.utterances))[: search.sample].tolist())
        part = Manifest(manifest.root, tuple(manifest.utterances[index] for index in chosen))
        # sorted: a model emits in order of length, stored emissions come in the manifest's
        emissions = sorted((e.utterance.id, e.log_probs) for e in source.stream(part) if len(e.log_probs))
        self._units = source.units
        self._log_probs: list[LogProbs] = [log_probs for _, log_probs in emissions]
        self.units_per_second = round(sum(map(expected_units, self._log_probs)) / part.seconds, 3)
        wanted = (search.units_per_second or self.units_per_second) * part.seconds
        paths = self._greedy(penalty_for_length(self._greedy_length, wanted, *search.blank_penalty))
        # silence says nothing about weights
        self._log_probs = [log_probs for log_probs, path in zip(self._log_probs, paths, strict=True) if path.units]
        self.greedy = [path for path in paths if path.units]
        if not self.greedy:
            raise XlplError(
                f"the acoustic model finds no unit in any of {len(chosen)} utterances",
                expected="some greedy output to compare with",
                remedy="train the acoustic model longer, or tune on other audio",
            )

    def _greedy(self, blank_penalty: float) -> list[Hypothesis]:
        decoder = GreedyDecoder(self._units, blank_penalty)
        return [decoder.decode(log_probs)[0] for log_probs in self._log_probs]

    def _greedy_length(self, blank_penalty: float) -> float:
        return sum(len(path.units) for path in self._greedy(blank_penalty))

    def decode(self, pool: DecoderPool, batch: Sequence[Weights]) -> Iterator[tuple[Weights, list[Hypothesis]]]:
        """Yield each of ``batch`` with the best hypotheses of the sample; trials overlap in the workers."""
        tasks = (
            Task(f"{trial} {number}", log_probs, weights)
            for trial, weights in enumerate(batch)
            for number, log_probs in enumerate(self._log_probs)
        )
        nothing = Hypothesis((), (), 0.0, 0.0, 0.0, ())
        found: list[dict[int, Hypothesis]] = [{} for _ in batch]
        for decoded in pool.decode(tasks):
            trial, number = map(int, decoded.id.split())
            found[trial][number] = decoded.hypotheses[0] if decoded.hypotheses else nothing
            if len(found[trial]) == len(self._log_probs):
                yield batch[trial], [found[trial].pop(number) for number in range(len(self._log_probs))]
