"""Beam search without a lexicon, under an n-gram LM over the units."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from flashlight.lib.text.decoder import LM, CriterionType, DecodeResult, LexiconFreeDecoder, LexiconFreeDecoderOptions

from xlpl_plugin.data.units import BLANK_INDEX, SPECIAL_SYMBOLS, WORD_BOUNDARY, words_of_units
from xlpl_plugin.decoding.frames import Frames
from xlpl_plugin.decoding.hypothesis import Hypothesis, LogProbs, word_spans
from xlpl_plugin.decoding.language_model import UNKNOWN, first_word_scores, load_lm, sentence_scores
from xlpl_plugin.decoding.options import DecoderConfig, Weights
from xlpl_plugin.decoding.search import BeamSearch, Scores
from xlpl_plugin.errors import XlplError

# indices of units as labels have them: a boundary after every word, and nowhere else
Spelled = tuple[int, ...]


class _Way(NamedTuple):
    """One result of the search.

    Attributes:
        am_score: of its alignment, or of all alignments that say the same where these are summed.
        lm_bound: lm_weight * LM score of its units, ended as a sentence, is not more.
    """

    result: DecodeResult
    am_score: float
    lm_bound: float


class CharacterDecoder(BeamSearch):
    """Finds the units that maximise am_score + lm_weight * lm_score.

    The LM scores what labels look like: every word ends with a boundary, also the last one, then the sentence ends.
    The search itself may say less (no boundary after the last word) or more (boundaries that end no word): its
    results are put right before they are compared.
    """

    def __init__(self, config: DecoderConfig, units: Sequence[str], lm: LM) -> None:
        super().__init__(config, units)
        self.lm = lm
        options = LexiconFreeDecoderOptions(
            beam_size=config.beam,
            beam_size_token=min(config.beam_token, len(self.units)),
            beam_threshold=config.beam_threshold,
            lm_weight=config.lm_weight,
            sil_score=0.0,
            log_add=config.log_add,
            criterion_type=CriterionType.CTC,
        )
        self._search = LexiconFreeDecoder(options, lm, self.silence, BLANK_INDEX, [])

    def weighted(self, weights: Weights) -> CharacterDecoder:
        return CharacterDecoder(self.reweighted(weights), self.units, self.lm)

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        frames = self.frames(log_probs)
        searched = frames.searched
        with self.timed():
            self._search.decode_begin()
            # the pointer stays valid during the call: `searched` is ours and contiguous
            self._search.decode_step(searched.ctypes.data, *searched.shape)
            # without decode_end, which would end sentences where a word's boundary is still missing
            results = self._search.get_all_final_hypothesis()
        ways = self._ways(results)
        return [self._hypothesis(frames, spelled, ways[spelled]) for spelled in self._best(ways)]

    def _ways(self, results: Sequence[DecodeResult]) -> dict[Spelled, list[_Way]]:
        """Return the ways in which the search found each spelling."""
        found: dict[Spelled, list[_Way]] = defaultdict(list)
        weight = self.config.lm_weight
        tokens = np.array([result.tokens[1:] for result in results])
        begins = (tokens != BLANK_INDEX) & (np.diff(tokens, axis=1, prepend=BLANK_INDEX) != 0)
        for result, row, new in zip(results, tokens, begins, strict=True):
            said = row[new]
            spelled = self._put_right(said)
            # an LM score falls with every unit, but boundaries too many may have cost more than the right ones do
            falls = weight >= 0 and tuple(said.tolist()) in (spelled, spelled[:-1])
            lm_part = weight * result.lmScore
            found[spelled].append(_Way(result, result.score - lm_part, lm_part if falls else math.inf))
        return found

    def _put_right(self, said: npt.NDArray[np.int64]) -> Spelled:
        boundary = said == self.silence
        ends_nothing = boundary & np.concatenate([[True], boundary[:-1]])
        spelled = tuple(said[~ends_nothing].tolist())
        is_open = self.has_boundary and spelled and spelled[-1] != self.silence
        return (*spelled, self.silence) if is_open else spelled

    def _am_score(self, ways: Sequence[_Way]) -> float:
        scores = [way.am_score for way in ways]
        return float(np.logaddexp.reduce(scores)) if self.config.log_add else max(scores)

    def _best(self, ways: Mapping[Spelled, Sequence[_Way]]) -> list[Spelled]:
        """Return the n best spellings of different words, best first; the LM is asked only where it can matter."""
        am_scores = {spelled: self._am_score(ways[spelled]) for spelled in ways}
        bounds = {spelled: am_scores[spelled] + max(way.lm_bound for way in ways[spelled]) for spelled in ways}
        found: dict[tuple[str, ...], tuple[float, Spelled]] = {}
        best: list[tuple[float, Spelled]] = []
        for spelled in sorted(ways, key=bounds.__getitem__, reverse=True):
            if len(best) == self.config.nbest and bounds[spelled] < best[-1][0]:
                break
            score = am_scores[spelled] + self.config.lm_weight * sum(sentence_scores(self.lm, spelled))
            words = tuple(words_of_units(self.units[index] for index in spelled))
            found[words] = max(found.get(words, (-math.inf, spelled)), (score, spelled))
            best = sorted(found.values(), reverse=True)[: self.config.nbest]
        return [spelled for _, spelled in best]

    def _hypothesis(self, frames: Frames, spelled: Spelled, ways: Sequence[_Way]) -> Hypothesis:
        best = max(ways, key=lambda way: way.am_score)
        path = frames.expand(best.result.tokens[1:])
        lm_scores = sentence_scores(self.lm, spelled)
        am_score, lm_score = frames.score(path), sum(lm_scores)
        heard = self._am_score(ways) + frames.skipped_score if self.config.log_add else am_score
        names = [self.units[index] for index in spelled]
        first_units = [first for first, _ in word_spans(names, range(len(names)), range(1, len(names) + 1))]
        of_words = np.add.reduceat(lm_scores[:-1], first_units).tolist() if names else ()
        scores = Scores(am_score, lm_score, heard + self.config.lm_weight * lm_score, of_words)
        return self.hypothesis(frames, path, tuple(words_of_units(names)), scores)


def load_units_lm(path: str | Path, units: Sequence[str]) -> LM:
    """Load a KenLM model over an acoustic model's units.

    Raises:
        XlplError: a file that cannot be loaded, or a model of something else, of words for example.
    """
    lm = load_lm(path, units)
    scores = dict(zip(units, first_word_scores(lm, len(units)), strict=True))
    known = {unit for unit, score in scores.items() if score != scores[UNKNOWN]} - set(SPECIAL_SYMBOLS)
    if not known or (WORD_BOUNDARY in units and WORD_BOUNDARY not in known):
        raise XlplError(
            "this LM does not know the units of the acoustic model",
            file=path,
            expected="without decoder.lexicon, an LM over units, the word boundary among them",
            remedy="build one with `xlpl lm --characters`, or set decoder.lexicon to the lexicon of this LM's words",
        )
    return lm
