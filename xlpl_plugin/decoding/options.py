"""What a user may set about decoding."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xlpl_plugin.errors import XlplError


@dataclass
class DecoderConfig:
    """Options of the decoder. Without lexicon and LM it is greedy, and only ``blank_penalty`` means something."""

    # word<TAB>units file; empty: greedy decoding, or with an LM a search for the best units
    lexicon: str = ""
    # KenLM model over the lexicon's words, or without a lexicon over the units (`xlpl lm --characters`); ARPA or
    # binary (binary is memory-mapped and shared); empty: no LM
    lm: str = ""
    # factor of the LM's log10 probability
    lm_weight: float = 2.0
    # added for every word (natural log)
    word_score: float = 0.0
    # how much less probable the blank is made (natural log), against models that leave out too much; also for greedy
    blank_penalty: float = 0.0
    # hypotheses kept after each frame
    beam: int = 500
    # units tried at each frame, the most probable first
    beam_token: int = 15
    # hypotheses further than this from the best one (natural log) are dropped; larger LM weights want more
    beam_threshold: float = 15.0
    # hypotheses returned for an utterance
    nbest: int = 1
    # sum the probabilities of a hypothesis's alignments instead of taking the best one
    log_add: bool = False
    # of frames in a row whose blank probability is above this one is searched; 1: all frames are
    collapse_blank: float = 1.0

    def check(self) -> None:
        """Raise ``XlplError`` where values cannot work together."""
        for name in ("beam", "beam_token", "nbest"):
            if getattr(self, name) < 1:
                raise XlplError(f"decoder.{name}={getattr(self, name)}", expected="a whole number of at least 1")
        if not self.beam_threshold > 0:
            raise XlplError(f"decoder.beam_threshold={self.beam_threshold}", expected="a number above 0")
        if not 0.5 <= self.collapse_blank <= 1:
            raise XlplError(f"decoder.collapse_blank={self.collapse_blank}", expected="a probability, 0.5 to 1 (off)")
        for name in ("lm_weight", "word_score", "blank_penalty"):
            if not math.isfinite(getattr(self, name)):
                raise XlplError(f"decoder.{name}={getattr(self, name)}", expected="a finite number")
        if self.lm and not self.lexicon and self.word_score:
            raise XlplError(
                f"decoder.word_score={self.word_score} without decoder.lexicon",
                expected="decoder.word_score=0: a search for units knows no words",
                remedy="leave decoder.word_score out, or set decoder.lexicon to a lexicon of the LM's words",
            )


@dataclass(frozen=True)
class Weights:
    """The numbers that tuning searches; a decoder takes others without rebuilding its trie and LM."""

    lm_weight: float
    word_score: float
    blank_penalty: float = 0.0
