"""LM weight, word score, blank penalty and beam chosen without a label, on a sample of emissions."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.decoding import DecoderConfig, Hypothesis, Weights
from xlpl_plugin.decoding.pool import DecoderPool
from xlpl_plugin.emissions.compute import InputConfig, open_source
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, new_output
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.schema import check_options, option
from xlpl_plugin.text.spelling.respelling import LEXICON_FILE, UNSPELLED_FILE, FittedLexicon, read_fitted
from xlpl_plugin.tuning.beam_size import BeamTrial, smallest_beam, try_beams
from xlpl_plugin.tuning.criteria import CRITERIA, SampleCounts, ScoringLM, letters_per_word, measure_outcome
from xlpl_plugin.tuning.evidence import Evidence, measure_evidence
from xlpl_plugin.tuning.heatmap import draw_trials
from xlpl_plugin.tuning.sample import Sample
from xlpl_plugin.tuning.weight_search import SearchConfig, Trial, scoring_lm, search_weights, steady_choice

logger = logging.getLogger(__name__)

TUNE_FILE = "tune.json"
PICTURE_FILE = "tune.png"

# stands for a ratio of 0, which has no log
_LEAST = 1e-3


@dataclass
class TuneConfig(InputConfig):
    """What to tune for, and where to write ``tune.json``."""

    out: str = option(MISSING, "folder for tune.json and its picture")
    decoder: DecoderConfig = option(
        DecoderConfig(), "lexicon and LM; the weights are what is sought, beam is the largest one that may be chosen"
    )
    search: SearchConfig = option(SearchConfig(), "ranges, trials, criterion and guards")
    length_from: str = option(
        "",
        "folder of another tuning: output is held to as many units a second as its acoustic model expected; empty: to "
        "what this one expects, or to search.units_per_second where that is set",
    )


@dataclass(frozen=True)
class Tuning(JsonRecord):
    """``tune.json``: the choice and all trials, the best first.

    Attributes:
        trusted: false where the guards refused every trial.
        best: the weights chosen: a mean of the trials near the best one (``steady_choice``).
        beam: the beam chosen; None where none was sought.
        units_per_second: what the acoustic model expects without a penalty, to be asked of later models.
        evidence: how much better the sample decodes than what is spliced from it, with the weights chosen.
    """

    best: Weights
    beam: int | None
    units_per_second: float
    criterion: str
    trusted: bool
    trials: tuple[Trial, ...]
    beams: tuple[BeamTrial, ...]
    evidence: Evidence
    config: dict[str, Any]
    am_sha256: str

    holds = "the choice of a tuning"
    written_by = "`xlpl tune`"

    def apply(self, decoder: DecoderConfig) -> DecoderConfig:
        """Return ``decoder`` with the weights chosen, and with the beam if one was sought."""
        return replace(decoder, **asdict(self.best), beam=self.beam or decoder.beam)


class TuningObjective:
    """What a search stands on: the sample, the decoder of the trials, and how a trial is judged without a label."""

    def __init__(self, config: TuneConfig) -> None:
        """Check the config and read what it names, except for the decoder's own files.

        Raises:
            XlplError: no LM to weigh, a search that cannot be made, or broken input.
        """
        check_options(config)
        if not config.decoder.lm:
            raise XlplError("decoder.lm is empty", expected="a KenLM model whose weight is sought")
        letters_only = not config.decoder.lexicon
        # without a lexicon there are no words to reward
        search = replace(config.search, word_score=[0.0, 0.0]) if letters_only else config.search
        if config.length_from and not search.units_per_second:
            search = replace(search, units_per_second=read_tuning(config.length_from).units_per_second)
        self.search = search
        self.lm = ScoringLM(*scoring_lm(search, config.decoder))
        source = open_source(config)
        self.am_sha256 = source.am_sha256
        self.fitted = None if letters_only else read_fitted(config.decoder.lexicon, source.units)
        self.units_ratio = self.fitted.units_ratio if self.fitted else 1.0
        self._word_length: float | None = None
        if search.text and self.fitted:
            self._word_length = letters_per_word(search.text, self.fitted.lexicon.spellings)
        self.sample = Sample(
            source,
            read_manifest(config.data, config.split, labels=False),
            size=search.sample,
            seed=search.seed,
            blank_penalty=(search.blank_penalty[0], search.blank_penalty[1]),
            units_per_second=search.units_per_second,
        )

    def score(self, weights: Weights, hypotheses: Sequence[Hypothesis]) -> Trial:
        """Measure one decoding of the sample, and apply criterion and guards."""
        outcome = measure_outcome(hypotheses, self.sample.greedy, self.lm)
        return score_trial(weights, outcome, self.search, self._word_length)


def tune(config: TuneConfig, *, force: bool = False) -> Tuning:
    """Choose the decoder's weights and its beam; write ``tune.json`` and ``tune.png``. No reference is read.

    A lexicon in other units than the acoustic model's is written too, as it was respelled.

    Raises:
        XlplError: results are there already (without ``force``), no LM to weigh, or broken input.
    """
    out = Path(config.out)
    file = new_output(out / TUNE_FILE, force=force)
    ground = TuningObjective(config)
    search, sample = ground.search, ground.sample
    decoder = _in_own_units(config.decoder, ground.fitted, out)
    with DecoderPool(replace(decoder, beam=search.beam, nbest=1), sample.units, config.workers) as pool:
        trials = search_weights(pool, sample, search, ground.score)
        best = steady_choice(trials)
        evidence = measure_evidence(pool, sample, best, ground.lm, search.criterion, search.seed, ground.units_ratio)
    beams = try_beams(decoder, best, search.beams, sample, config.workers) if search.beams else ()
    tuning = Tuning(
        best,
        smallest_beam(beams, search.beam_tolerance) if beams else None,
        sample.units_per_second,
        search.criterion,
        trusted=not trials[0].refused,
        trials=tuple(trials),
        beams=beams,
        evidence=evidence,
        config=asdict(config),
        am_sha256=ground.am_sha256,
    )
    if not tuning.trusted:
        logger.warning("the guards refused every trial; the least bad one is taken (%s)", trials[0].refused)
    tuning.write(file)
    scale = f"tuning score, {search.criterion}"
    draw_trials(out / PICTURE_FILE, trials, best, title="Weights chosen without labels", scale=scale)
    return tuning


def _in_own_units(decoder: DecoderConfig, fitted: FittedLexicon | None, folder: Path) -> DecoderConfig:
    """Return the decoder over the lexicon in the model's units, a file in ``folder`` where it is not the one given."""
    for name in (LEXICON_FILE, UNSPELLED_FILE):
        (folder / name).unlink(missing_ok=True)  # of an earlier tuning, with force
    if fitted is None or fitted.is_given:
        return decoder
    return replace(decoder, lexicon=str(fitted.write(folder)))


def read_tuning(folder: str | Path) -> Tuning:
    """Read what ``tune`` chose in ``folder``.

    Raises:
        XlplError: there is no tune.json, or it holds no choice.
    """
    return Tuning.read(must_exist(Path(folder) / TUNE_FILE, "the choice of `xlpl tune`"))


def score_trial(weights: Weights, outcome: SampleCounts, search: SearchConfig, word_length: float | None) -> Trial:
    """Apply criterion and guards to one trial; ``word_length`` is the target text's letters a word, if known.

    Words as long as the text's are asked of the criterion too: alone it is flat where many short words become few long
    ones, and a student of such labels says them again.
    """
    words = math.log(max(outcome.word_length / word_length, _LEAST)) if word_length else 0.0
    value = CRITERIA[search.criterion](outcome) * (1 + search.word_length * abs(words))
    objections = _objections(outcome, search, words)
    refused = next(iter(objections), "")
    return Trial(weights, value, outcome, refused, sum(objections.values()))


def _objections(outcome: SampleCounts, search: SearchConfig, words: float) -> dict[str, float]:
    """Return what the guards object to, and how far beyond each the trial is: the log of a ratio, or a share.

    Args:
        words: log of the ratio of letters a word to the text's.
    """
    lowest, highest = (math.log(max(ratio, _LEAST)) for ratio in search.letters_ratio)
    letters = math.log(max(outcome.letters_ratio, _LEAST))
    beyond = {
        f"letters {outcome.letters_ratio:.2f} of greedy's": max(lowest - letters, letters - highest),
        f"{outcome.empty} of {outcome.utterances} empty": outcome.empty / outcome.utterances - search.max_empty,
        f"words {math.exp(words):.2f} times as long as the text's": abs(words) - math.log(search.max_word_length_ratio),
    }
    return {objection: excess for objection, excess in beyond.items() if excess > 0}
