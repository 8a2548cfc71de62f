"""What is told of a labelling without references: the numbers, and what they are measured with."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist


@dataclass
class SignalsConfig:
    """What a labelling is measured with, beside what it was decoded and tuned with."""

    # KenLM model whose perplexity of the labels is watched, best one that neither decodes nor tunes; empty: that of
    # tuning.search.judge, or of the decoder's own LM
    lm: str = ""
    # what it is over: words or units
    lm_level: str = "words"
    # normalised text of the target whose units are compared with those heard; empty: tuning.search.text
    text: str = ""

    def check(self) -> None:
        """Raise ``XlplError`` for an unknown level, and for a file that is missing."""
        if self.lm_level not in ("words", "units"):
            raise XlplError(f"signals.lm_level={self.lm_level!r}", expected="words or units")
        for file, what in ((self.lm, "a KenLM model"), (self.text, "normalised text of the target")):
            if file:
                must_exist(file, what)


@dataclass(frozen=True)
class Signals:
    """One labelling of one split. Shares are of 1; rates are of all utterances, kept or not; None is unknown.

    Distances are Jensen-Shannon distances (base 2) between counts of units, word boundaries included: 0 for the same
    shares, 1 where no unit is common.

    Attributes:
        blank_share: share of frames whose most probable unit is the blank.
        empty_share: share of utterances whose label has no word.
        kept_share: share of utterances that the filters kept.
        letters_per_second, greedy_letters_per_second: units without word boundaries, with LM and greedy.
        vocabulary: number of different words.
        top_word_share: share of all words that the most frequent one has.
        agreement, confidence: means of the labels' own.
        change: word error rate of these labels against those of the round before, over the utterances that both
            rounds labelled; None in round 0.
        label_free: the criterion of tuning applied to all the labels (lower is better); None without an LM. They are
            compared with the greedy output that they store; the tuning score compares with a longer one (``Sample``).
        held_out: the same for the labels of the valid split, which no student has trained on.
        lm_perplexity: of the labels under an LM, a token (word or unit, and the ends of sentences).
        perplexity_lm: the configuration's key of that LM: signals.lm, tuning.search.judge or decoder.lm; '' for none.
        length_ratio: letters of the labels for each letter of the greedy output.
        histogram_distance, greedy_histogram_distance: from the target's text, as the lexicon spells it, to the labels
            and to the greedy output.
        source_distance: from the transcripts of the source language that is nearest to the greedy output.
        nonword_share: share of the greedy output's words that no word of the lexicon is spelled like.
        train_loss, valid_loss, valid_uer: the last ones of the training of this round's model; the latter two on
            held-out pseudo-labels.
        evidence, evidence_error: by how much better the audio decodes than a null that holds no words, and the
            standard error of that; see ``tuning.evidence``.
    """

    utterances: int
    blank_share: float
    empty_share: float
    kept_share: float
    letters_per_second: float
    greedy_letters_per_second: float
    vocabulary: int
    top_word_share: float
    agreement: float
    confidence: float
    change: float | None = None
    label_free: float | None = None
    held_out: float | None = None
    lm_perplexity: float | None = None
    perplexity_lm: str = ""
    length_ratio: float | None = None
    histogram_distance: float | None = None
    greedy_histogram_distance: float | None = None
    source_distance: float | None = None
    nonword_share: float | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    valid_uer: float | None = None
    evidence: float | None = None
    evidence_error: float | None = None


@dataclass(frozen=True)
class Alarm:
    """Something that a person should look at: what was seen, and what to do about it."""

    name: str
    message: str
    advice: str
