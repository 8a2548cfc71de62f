"""Beam search over a lexicon and a word n-gram: flashlight-text's decoder and KenLM."""

from __future__ import annotations

import logging
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from flashlight.lib.text.decoder import (
    LM,
    CriterionType,
    DecodeResult,
    LexiconDecoder,
    LexiconDecoderOptions,
    SmearingMode,
    Trie,
    ZeroLM,
)
from flashlight.lib.text.dictionary import Dictionary

from xlpl_plugin.data.units import BLANK_INDEX, WORD_BOUNDARY
from xlpl_plugin.decoding.blank import penalize_blank
from xlpl_plugin.decoding.confidence import word_confidences
from xlpl_plugin.decoding.hypothesis import Hypothesis, LogProbs, checked_log_probs, collapse, word_spans
from xlpl_plugin.decoding.options import DecoderConfig, Weights
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.text.lexicon import HOMOGRAPH_LIMIT

logger = logging.getLogger(__name__)

# stands for silence where the units have no word boundary: <pad> is never trained, so its column can be shut
_UNUSED_INDEX = 1
_UNKNOWN = "<unk>"
# among these a last word's boundary is looked for
_LAST_FRAMES = 3
# KenLM's messages begin with the place in its source and the name of the exception
_KENLM_SOURCE = re.compile(r"^.* threw \w+( because `.*?')?\.\s*")

Spelling = tuple[str, ...]


@dataclass(frozen=True)
class SearchSpace:
    """What does not depend on weights and takes long to build: words, their trie, and the LM.

    Attributes:
        dropped: words left out because more probable ones, or equals before them, share their spelling.
    """

    words: tuple[str, ...]
    trie: Trie
    lm: LM
    dropped: tuple[str, ...]

    def lm_scores(self, word_indices: Iterable[int]) -> tuple[float, ...]:
        """Return the log10 probabilities of a sentence's words, and of its end after them."""
        state, scores = self.lm.start(False), []
        for index in word_indices:
            state, score = self.lm.score(state, index)
            scores.append(float(score))
        return (*scores, float(self.lm.finish(state)[1]))


class BeamDecoder:
    """Finds the words that maximise am_score + lm_weight * lm_score + word_score * words.

    Between words, and before the first, any number of word boundaries may stand in the alignment. Units without
    a word boundary (sentencepiece pieces): the last piece of a word takes one frame, a limit of the C++ decoder.

    The last word must end: where the boundary is not among the ``beam_token`` likeliest units of any of the last
    frames, all units are tried in that utterance. A word that stays unfinished all the same is left out.

    Attributes:
        search_seconds: CPU time spent inside the C++ search so far.
    """

    def __init__(self, config: DecoderConfig, units: Sequence[str], space: SearchSpace) -> None:
        self.config, self.units, self.space = config, tuple(units), space
        self.search_seconds = 0.0
        self._has_boundary = WORD_BOUNDARY in self.units
        self._silence = self.units.index(WORD_BOUNDARY) if self._has_boundary else _UNUSED_INDEX
        self._search = self._make_search(config.beam_token)
        self._wide_search = self._make_search(len(self.units))

    @property
    def dropped(self) -> tuple[str, ...]:
        return self.space.dropped

    def weighted(self, weights: Weights) -> BeamDecoder:
        """Return a decoder with other weights over the same trie and LM."""
        return BeamDecoder(replace(self.config, **asdict(weights)), self.units, self.space)

    def decode(self, log_probs: LogProbs) -> list[Hypothesis]:
        emissions = penalize_blank(checked_log_probs(log_probs, len(self.units)), self.config.blank_penalty)
        if not self._has_boundary:
            emissions[:, _UNUSED_INDEX] = -1e4
        # the pointer stays valid during the call: `emissions` is ours and contiguous
        search = self._search if self._can_end(emissions[-_LAST_FRAMES:]) else self._wide_search
        started = time.thread_time()
        results = search.decode(emissions.ctypes.data, *emissions.shape)
        self.search_seconds += time.thread_time() - started
        found: dict[tuple[str, ...], Hypothesis] = {}
        for result in results:
            # without a finished word at the end, readings may differ in that unfinished word alone
            hypothesis = self._hypothesis(emissions, result)
            found.setdefault(hypothesis.words, hypothesis)
            if len(found) == self.config.nbest:
                break
        return list(found.values())

    def _make_search(self, beam_token: int) -> LexiconDecoder:
        config = self.config
        options = LexiconDecoderOptions(
            beam_size=config.beam,
            beam_size_token=min(beam_token, len(self.units)),
            beam_threshold=config.beam_threshold,
            lm_weight=config.lm_weight,
            word_score=config.word_score,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=config.log_add,
            criterion_type=CriterionType.CTC,
        )
        unknown = len(self.space.words)
        return LexiconDecoder(options, self.space.trie, self.space.lm, self._silence, BLANK_INDEX, unknown, [], False)

    def _can_end(self, last_frames: LogProbs) -> bool:
        boundary = last_frames[:, self._silence, None]
        likelier = min(int(np.count_nonzero(row)) for row in last_frames > boundary)
        return not self._has_boundary or likelier < self.config.beam_token

    def _hypothesis(self, emissions: LogProbs, result: DecodeResult) -> Hypothesis:
        # one entry a frame, between an entry for the start and one for the end
        path, words = result.tokens[1:-1], result.words[1:-1]
        word_ends = [position for position, word in enumerate(words) if word >= 0]
        indices = [words[position] for position in word_ends]
        units, frames, ends = collapse(path[: word_ends[-1] + 1] if word_ends else [], self.units)
        lm_scores = self.space.lm_scores(indices)
        lm_score = sum(lm_scores)
        am_score, score = result.emittingModelScore, result.score
        if not self.config.log_add:
            score = am_score + self.config.lm_weight * lm_score + self.config.word_score * len(indices)
        names = tuple(self.space.words[index] for index in indices)
        confidences = word_confidences(emissions, path, word_spans(units, frames, ends), lm_scores[:-1])
        return Hypothesis(names, units, am_score, lm_score, score, frames, ends, confidences)


def build_search_space(
    entries: Iterable[tuple[str, Spelling]], units: Sequence[str], lm_path: str | Path = ""
) -> SearchSpace:
    """Build the trie of ``entries`` (word, spelling) and load the LM, if there is one.

    Raises:
        XlplError: no entry, or an LM file that cannot be loaded.
    """
    pairs = dict.fromkeys(entries)
    if not pairs:
        raise XlplError("the lexicon is empty", expected="at least one word with a spelling")
    words = tuple(dict.fromkeys(word for word, _ in pairs))
    lm = load_lm(lm_path, words) if lm_path else ZeroLM()
    start = lm.start(False)
    # the probability after <s> stands for that in any context: it lets the beam look ahead inside a word
    *unigrams, unknown = (lm.score(start, index)[1] for index in range(len(words) + 1))
    homographs = _homographs(pairs, words, unigrams, unknown)

    unit_index = {unit: index for index, unit in enumerate(units)}
    trie = Trie(len(units), BLANK_INDEX)
    for spelling, indices in homographs.items():
        for index in indices:
            trie.insert([unit_index[unit] for unit in spelling], index, unigrams[index])
    trie.smear(SmearingMode.MAX)
    kept = {index for indices in homographs.values() for index in indices}
    dropped = tuple(word for index, word in enumerate(words) if index not in kept)
    if dropped:
        some = " ".join(dropped[:10]) + (" ..." if len(dropped) > 10 else "")
        logger.warning("%d words left out, since likelier ones are spelled alike: %s", len(dropped), some)
    return SearchSpace(words, trie, lm, dropped)


def _homographs(
    pairs: Iterable[tuple[str, Spelling]], words: Sequence[str], unigrams: Sequence[float], unknown: float
) -> dict[Spelling, list[int]]:
    """Return the indices of each spelling's words, the most probable ones, as many as the trie keeps.

    Words that the LM lacks are all alike to it, as all words are where there is no LM. Of these the lexicon's first
    is kept: the search would choose among equals by their addresses in memory, differently in every process.
    """
    index_of = {word: index for index, word in enumerate(words)}
    by_spelling: dict[Spelling, list[int]] = defaultdict(list)
    for word, spelling in pairs:
        index = index_of[word]
        if unigrams[index] != unknown or all(unigrams[other] != unknown for other in by_spelling[spelling]):
            by_spelling[spelling].append(index)
    return {
        spelling: sorted(indices, key=lambda index: -unigrams[index])[:HOMOGRAPH_LIMIT]
        for spelling, indices in by_spelling.items()
    }


def load_lm(path: str | Path, words: Sequence[str]) -> LM:
    """Load a KenLM model (ARPA or binary) over ``words``; a binary is memory-mapped.

    Raises:
        XlplError: no file, or one that KenLM refuses: truncated, not an n-gram model, of another order.
    """
    from flashlight.lib.text.decoder.kenlm import KenLM

    path = must_exist(path, "a KenLM model (ARPA or binary)")
    try:
        return KenLM(str(path), Dictionary([*words, _UNKNOWN]))
    except (RuntimeError, ValueError) as error:
        raise XlplError(
            f"KenLM cannot load it: {_KENLM_SOURCE.sub('', ' '.join(str(error).split()))}",
            file=path,
            expected="a whole ARPA or KenLM binary file of order 2 to 6",
            remedy="build it again with `xlpl lm`",
        ) from error
