"""Beam search over a lexicon and a word n-gram: flashlight-text's decoder and KenLM."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from flashlight.lib.text.decoder import CriterionType, DecodeResult, LexiconDecoder, LexiconDecoderOptions

from xlpl_plugin.data.units import BLANK_INDEX
from xlpl_plugin.decoding.frames import Frames
from xlpl_plugin.decoding.hypothesis import LOWEST, Hypothesis, LogProbs
from xlpl_plugin.decoding.language_model import sentence_scores
from xlpl_plugin.decoding.options import DecoderConfig, Weights
from xlpl_plugin.decoding.search import BeamSearch, Scores
from xlpl_plugin.decoding.trie import SearchSpace

# sums of one and the same alignments may differ by this much
_ROUNDING = 1e-6


class BeamDecoder(BeamSearch):
    """Finds the words that maximise am_score + lm_weight * lm_score + word_score * words.

    Between words, before the first and after the last, any number of word boundaries may stand in the alignment.
    After the last it need not: recordings end before the model says so, and their end ends the word. Units without
    a word boundary (sentencepiece pieces): the last piece of a word takes one frame, a limit of the C++ decoder.
    """

    def __init__(self, config: DecoderConfig, units: Sequence[str], space: SearchSpace) -> None:
        super().__init__(config, units)
        self.space, self.dropped = space, space.dropped
        options = LexiconDecoderOptions(
            beam_size=config.beam,
            beam_size_token=min(config.beam_token, len(self.units)),
            beam_threshold=config.beam_threshold,
            lm_weight=config.lm_weight,
            word_score=config.word_score,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=config.log_add,
            criterion_type=CriterionType.CTC,
        )
        unknown = len(space.words)
        self._search = LexiconDecoder(options, space.trie, space.lm, self.silence, BLANK_INDEX, unknown, [], False)
        # one frame more, in which nothing but the boundary can be
        self._end = np.full((1, len(self.units)), LOWEST, dtype=np.float32)
        self._end[:, self.silence] = 0.0

    def weighted(self, weights: Weights) -> BeamDecoder:
        return BeamDecoder(self.reweighted(weights), self.units, self.space)

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        frames = self.frames(log_probs)
        searched = np.concatenate([frames.searched, self._end]) if self.has_boundary else frames.searched
        with self.timed():
            # the pointer stays valid during the call: `searched` is ours and contiguous
            results = self._search.decode(searched.ctypes.data, *searched.shape)
        found: dict[tuple[str, ...], Hypothesis] = {}
        for result in _in_order(results):
            # where no word at all could be ended, readings may differ in an unfinished word alone
            hypothesis = self._read(frames, result)
            found.setdefault(hypothesis.words, hypothesis)
            if len(found) == self.config.nbest:
                break
        return list(found.values())

    def _read(self, frames: Frames, result: DecodeResult) -> Hypothesis:
        # an entry for the start, one for each frame, one for the added frame, and one for the end
        path = frames.expand(result.tokens[1 : len(frames.kept) + 1])
        word_ends = [position for position, word in enumerate(result.words[1:]) if word >= 0]
        indices = _words(result)
        heard = [*(frames.kept + 1), len(path)][word_ends[-1]] if word_ends else 0
        names = tuple(self.space.words[index] for index in indices)
        return self.hypothesis(frames, path, names, self._scores(frames, path, indices, result), heard)

    def _scores(self, frames: Frames, path: Sequence[int], indices: Sequence[int], result: DecodeResult) -> Scores:
        lm_scores = sentence_scores(self.space.lm, indices)
        am_score, lm_score, of_words = frames.score(path), sum(lm_scores), lm_scores[:-1]
        if self.config.log_add:
            added = float(self._end[0, result.tokens[len(frames.kept) + 1]]) if self.has_boundary else 0.0
            return Scores(am_score, lm_score, result.score - added + frames.skipped_score, of_words)
        total = am_score + self.config.lm_weight * lm_score + self.config.word_score * len(indices)
        return Scores(am_score, lm_score, total, of_words)


def _in_order(results: Iterable[DecodeResult]) -> Iterator[DecodeResult]:
    """Yield the best first, and of equals those of the lexicon's first words.

    Words of one spelling may be equals to the LM too, and the search orders equals by their addresses in memory.
    """
    equals: list[DecodeResult] = []
    for result in results:
        if equals and equals[0].score - result.score > _ROUNDING:
            yield from sorted(equals, key=_words)
            equals = []
        equals.append(result)
    yield from sorted(equals, key=_words)


def _words(result: DecodeResult) -> list[int]:
    return [word for word in result.words if word >= 0]
