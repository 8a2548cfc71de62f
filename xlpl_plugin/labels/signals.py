"""How a labelling went, told from the labels alone, and alarms when rounds go wrong. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rapidfuzz.distance import Levenshtein

from xlpl_plugin.data.units import BLANK_INDEX
from xlpl_plugin.decoding import Hypothesis, LogProbs
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.labels.criteria import CRITERIA, JudgingLM, count_letters, measure_outcome
from xlpl_plugin.labels.records import LabelRecord

# an alarm is raised beyond these; they are far from what healthy rounds show
FALL_OF_LETTERS = 0.25
FALL_OF_VOCABULARY = 0.30
FALL_OF_AGREEMENT = 0.15
MOST_EMPTY = 0.20
RISE_OF_EMPTY = 0.10
MOST_BLANK = 0.97
MOST_OF_ONE_WORD = 0.25


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

    def files(self) -> tuple[str, ...]:
        """Return the files named here: what is measured depends on their content."""
        return tuple(file for file in (self.lm, self.text) if file)


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
        label_free: a criterion of tuning applied to all the labels (lower is better); None without an LM.
        lm_perplexity: of the labels under an LM, a token (word or unit, and the ends of sentences).
        perplexity_lm: the configuration's key of that LM: signals.lm, tuning.search.judge or decoder.lm; '' for none.
        length_ratio: letters of the labels for each letter of the greedy output.
        histogram_distance, greedy_histogram_distance: from the target's text, as the lexicon spells it, to the labels
            and to the greedy output.
        source_distance: from the transcripts of the source language that is nearest to the greedy output.
        nonword_share: share of the greedy output's words that no word of the lexicon is spelled like.
        train_loss, valid_loss, valid_uer: the last ones of the training of this round's model; the latter two on
            held-out pseudo-labels.
        evidence, evidence_error: by how much the audio decodes better forwards than backwards, and its standard
            error; see ``labels.evidence``.
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


def measure(
    labels: Sequence[LabelRecord],
    blank_share: float,
    *,
    previous: Sequence[LabelRecord] | None = None,
    label_free: float | None = None,
) -> Signals:
    """Measure one labelling, of at least one utterance.

    Args:
        previous: labels of the same utterances by the round before.
    """
    words = Counter(word for label in labels for word in label.words)
    seconds = sum(label.seconds for label in labels)
    return Signals(
        utterances=len(labels),
        blank_share=blank_share,
        empty_share=fmean(not label.words for label in labels),
        kept_share=fmean(label.kept for label in labels),
        letters_per_second=_letters(label.units for label in labels) / seconds,
        greedy_letters_per_second=_letters(label.greedy for label in labels) / seconds,
        vocabulary=len(words),
        top_word_share=max(words.values(), default=0) / max(1, words.total()),
        agreement=fmean(label.agreement for label in labels),
        confidence=fmean(label.confidence for label in labels),
        change=None if previous is None else change(previous, labels),
        label_free=label_free,
    )


def label_free_score(labels: Sequence[LabelRecord], judge: JudgingLM, criterion: str) -> float:
    """Return the value of one of tuning's ``CRITERIA`` for these labels against their greedy output."""
    hypotheses = [_hypothesis(label.words, label.units) for label in labels]
    return CRITERIA[criterion](measure_outcome(hypotheses, [_hypothesis((), label.greedy) for label in labels], judge))


def _hypothesis(words: tuple[str, ...], units: str) -> Hypothesis:
    return Hypothesis(words, tuple(units.split()), am_score=0.0, lm_score=0.0, score=0.0, frames=())


def change(previous: Sequence[LabelRecord], labels: Sequence[LabelRecord]) -> float:
    """Return the word error rate of ``labels`` with the round before as the reference, matched by id.

    Where that round had no word at all it is 1, or 0 if there is still none.
    """
    before: Mapping[str, Sequence[str]] = {label.id: label.words for label in previous}
    edits = sum(Levenshtein.distance(before.get(label.id, ()), label.words) for label in labels)
    length = sum(map(len, before.values()))
    return edits / length if length else float(edits > 0)


def blank_share(emissions: Iterable[LogProbs]) -> float:
    """Return the share of frames, of all (T, C) log-probs together, whose most probable unit is the blank."""
    blank = frames = 0
    for log_probs in emissions:
        blank += int((log_probs.argmax(axis=1) == BLANK_INDEX).sum())
        frames += len(log_probs)
    return blank / max(1, frames)


def _letters(lines: Iterable[str]) -> int:
    return sum(count_letters(line.split()) for line in lines)


def alarms(history: Sequence[Signals]) -> list[Alarm]:
    """Judge the last labelling of ``history`` (round 0 first) by itself and against the rounds before."""
    now = history[-1]
    checks = (
        _empty(history),
        _blank(now),
        _one_word(now),
        _shorter(history),
        _vocabulary(history),
        _agreement(history),
    )
    return [alarm for alarm in checks if alarm]


def _empty(history: Sequence[Signals]) -> Alarm | None:
    now = history[-1]
    if now.empty_share <= MOST_EMPTY and now.empty_share <= history[0].empty_share + RISE_OF_EMPTY:
        return None
    return Alarm(
        "empty labels",
        f"{now.empty_share:.0%} of the utterances got no word (round 0: {history[0].empty_share:.0%}).",
        "The model falls silent. Lower decoder.lm_weight or raise decoder.word_score, and start students from the "
        "source AM (student.init=source) with labelled source data mixed in (student.mix).",
    )


def _blank(now: Signals) -> Alarm | None:
    if now.blank_share <= MOST_BLANK:
        return None
    return Alarm(
        "blank",
        f"The blank is the most probable unit in {now.blank_share:.1%} of the frames.",
        "The acoustic model has collapsed to the blank or was hardly trained. Train it longer, check its train.log "
        "for a falling loss, or raise the learning rate's warm-up.",
    )


def _one_word(now: Signals) -> Alarm | None:
    if now.top_word_share <= MOST_OF_ONE_WORD:
        return None
    return Alarm(
        "few words",
        f"One word makes up {now.top_word_share:.0%} of all words ({now.vocabulary} different ones).",
        "The labels repeat themselves. Lower decoder.lm_weight, or filter labels by their agreement with greedy.",
    )


def _shorter(history: Sequence[Signals]) -> Alarm | None:
    for key, what in (("letters_per_second", "with LM"), ("greedy_letters_per_second", "greedy")):
        first, now = getattr(history[0], key), getattr(history[-1], key)
        if now < (1 - FALL_OF_LETTERS) * first:
            return Alarm(
                "shorter output",
                f"Output {what} has {now:.1f} letters a second; in round 0 it had {first:.1f} "
                f"({(first - now) / first:.0%} less).",
                "Rounds teach each other to leave words out. Raise decoder.word_score or lower decoder.lm_weight (or "
                "tune every round), mix labelled source data in (student.mix), start from the source AM "
                "(student.init=source), and keep the labels of the round before this fall.",
            )
    return None


def _vocabulary(history: Sequence[Signals]) -> Alarm | None:
    most = max(signals.vocabulary for signals in history)
    now = history[-1].vocabulary
    if now >= (1 - FALL_OF_VOCABULARY) * most:
        return None
    return Alarm(
        "vocabulary",
        f"The labels use {now} different words; an earlier round used {most}.",
        "The LM's frequent words take over. Lower decoder.lm_weight, widen decoder.beam, or filter by agreement.",
    )


def _agreement(history: Sequence[Signals]) -> Alarm | None:
    best = max(signals.agreement for signals in history)
    now = history[-1].agreement
    if now >= best - FALL_OF_AGREEMENT:
        return None
    return Alarm(
        "agreement",
        f"Greedy output and labels agree on {now:.0%} of the units; an earlier round reached {best:.0%}.",
        "The student did not learn what it was taught: train it longer, lower its regularisation, or filter labels.",
    )
