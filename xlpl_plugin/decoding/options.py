"""What a user may set about decoding."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import join, option


@dataclass
class DecoderConfig:
    """Options of the decoder. Without lexicon and LM it is greedy, and only ``blank_penalty`` means something."""

    lexicon: str = option(
        "", "word<TAB>units file; empty: greedy decoding, or with an LM a search for the best units", file="a lexicon"
    )
    lm: str = option(
        "",
        "KenLM model over the lexicon's words, or without a lexicon over the units (`xlpl lm --characters`); ARPA "
        "or binary (binary is memory-mapped and shared); empty: no LM",
        file="a KenLM model",
    )
    lm_weight: float = option(2.0, "factor of the LM's log10 probability")
    word_score: float = option(0.0, "added for every word (natural log)")
    blank_penalty: float = option(
        0.0,
        "how much less probable the blank is made (natural log), against models that leave out too much; also for "
        "greedy",
    )
    beam: int = option(500, "hypotheses kept after each frame", least=1)
    beam_token: int = option(15, "units tried at each frame, the most probable first", least=1)
    beam_threshold: float = option(
        15.0,
        "hypotheses further than this from the best one (natural log) are dropped; larger LM weights want more",
        above=0,
    )
    nbest: int = option(1, "hypotheses returned for an utterance", least=1)
    log_add: bool = option(False, "sum the probabilities of a hypothesis's alignments instead of taking the best one")
    collapse_blank: float = option(
        1.0,
        "of frames in a row whose blank probability is above this one is searched; 1: all frames are",
        least=0.5,
        most=1,
    )

    def check_together(self, key: str) -> None:
        """Raise ``XlplError`` where values cannot work together (``check_options``)."""
        if self.lm and not self.lexicon and self.word_score:
            raise XlplError(
                f"{join(key, 'word_score')}={self.word_score} without {join(key, 'lexicon')}",
                expected="no word score: a search for units knows no words",
                remedy=f"leave it out, or set {join(key, 'lexicon')} to a lexicon of the LM's words",
            )


@dataclass(frozen=True)
class Weights:
    """The numbers that tuning searches; a decoder takes others without rebuilding its trie and LM."""

    lm_weight: float
    word_score: float
    blank_penalty: float = 0.0
