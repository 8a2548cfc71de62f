"""Alarms: what a person should look at, by the signals of the rounds so far. Pure functions.

The bounds were set on runs whose true error rates were known (docs/results/best-round.md): rounds that got better
every time raise nothing, and labels made bad on purpose (absurd weights, a model pressed to the blank, letters
exchanged) do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from xlpl_plugin.monitoring.signals import Alarm, Signals
from xlpl_plugin.tuning.evidence import MOST_OF_ONE_WORD

MOST_EMPTY = 0.20
RISE_OF_EMPTY = 0.10
MOST_BLANK = 0.97
# of the frames that were no blank in round 0 at least this share still are
LEAST_UNBLANK = 0.5
RISE_OF_ONE_WORD = 0.08
LEAST_LENGTH_RATIO = 0.7
# of the most that a round had; healthy rounds lost up to 0.08, and 0.18 where decoding did not see to the length
FALL_OF_LETTERS = 0.20
# of the most that a round had, or of what text has in as many words where that is less: the first labels of a weak
# source AM hold words that nobody said. Healthy rounds lost up to 0.39, and what people say may repeat itself: the
# transcripts of one target have 0.43 less than text (docs/results/study-twelve.md)
FALL_OF_VOCABULARY = 0.50
FALL_OF_AGREEMENT = 0.15
MOST_NONWORDS = 0.85
RISE_OF_NONWORDS = 0.10
# two trainings that differ in their seed alone were this far apart in the label-free score
SPREAD_OF_SEEDS = 0.03
FALL_OF_SCORE = 0.01
# of the distance by which round 0 was nearer to the source than to the target; healthy rounds kept 0.65 at most
MOST_OF_SOURCE_LEAD = 0.80
# a smaller lead of the source is no foreign accent
LEAST_SOURCE_LEAD = 0.01
# names in Latin letters come to a few per cent; of labels that English took over, half were English
MOST_FOREIGN = 0.10

# alarms after which a round's labels should teach nobody
COLLAPSES = frozenset(
    (
        "training diverged",
        "empty labels",
        "blank",
        "few words",
        "shorter output",
        "vocabulary",
        "agreement",
        "non-words",
    )
)


def alarms(history: Sequence[Signals], *, followed: bool = True) -> list[Alarm]:
    """Check the last labelling of ``history`` (round 0 first) by itself and against the rounds before.

    Where no round follows, that rounds bring no more gain is no alarm.
    """
    checks = (
        _diverged,
        _empty,
        _blank,
        _few_words,
        _shorter,
        _vocabulary,
        _agreement,
        _nonwords,
        _degradation,
        *((_plateau,) if followed else ()),
        _source_language,
        _foreign_words,
    )
    return [alarm for check in checks for alarm in check(history)]


def collapsed(history: Sequence[Signals]) -> list[Alarm]:
    """Return those of the ``alarms`` after which the last round's labels should teach nobody."""
    return [alarm for alarm in alarms(history) if alarm.name in COLLAPSES]


def _diverged(history: Sequence[Signals]) -> Iterator[Alarm]:
    now = history[-1]
    losses = {"training": now.train_loss, "validation": now.valid_loss}
    wrong = [f"{name} loss {loss}" for name, loss in losses.items() if loss is not None and not math.isfinite(loss)]
    if wrong:
        yield Alarm(
            "training diverged",
            f"The training of this round's model ended with {' and '.join(wrong)}.",
            "Its weights are of no use. Lower optimization.lr, lengthen the warm-up, set optimization.clip_norm, or "
            "turn common.fp16 off.",
        )


def _empty(history: Sequence[Signals]) -> Iterator[Alarm]:
    first, now = history[0], history[-1]
    if now.empty_share > MOST_EMPTY or now.empty_share > first.empty_share + RISE_OF_EMPTY:
        yield Alarm(
            "empty labels",
            f"{now.empty_share:.0%} of the utterances got no word (round 0: {first.empty_share:.0%}).",
            "The model falls silent. Lower decoder.lm_weight or raise decoder.word_score, and start students from the "
            "source AM (student.init=source) with labelled source data mixed in (student.mix).",
        )


def _blank(history: Sequence[Signals]) -> Iterator[Alarm]:
    first, now = history[0], history[-1]
    if now.blank_share > MOST_BLANK or 1 - now.blank_share < LEAST_UNBLANK * (1 - first.blank_share):
        yield Alarm(
            "blank",
            f"The blank is the most probable unit in {now.blank_share:.1%} of the frames "
            f"(round 0: {first.blank_share:.1%}).",
            "The acoustic model collapses to the blank or was hardly trained. Train it longer, check its train.log "
            "for a falling loss, raise the learning rate's warm-up, and mix labelled source data in (student.mix).",
        )


def _few_words(history: Sequence[Signals]) -> Iterator[Alarm]:
    first, now = history[0], history[-1]
    if now.top_word_share > MOST_OF_ONE_WORD or now.top_word_share > first.top_word_share + RISE_OF_ONE_WORD:
        yield Alarm(
            "few words",
            f"One word makes up {now.top_word_share:.0%} of all words (round 0: {first.top_word_share:.0%}; "
            f"{now.vocabulary} different ones).",
            "The labels repeat themselves. Lower decoder.lm_weight or decoder.word_score, or filter labels by their "
            "agreement with greedy (filter.min_agreement).",
        )


def _shorter(history: Sequence[Signals]) -> Iterator[Alarm]:
    message = _lost_letters(history)
    if message:
        yield Alarm(
            "shorter output",
            message,
            "Words are left out, and rounds teach each other to leave out more. Raise decoder.word_score or lower "
            "decoder.lm_weight (or tune every round), mix labelled source data in (student.mix), start from the source "
            "AM (student.init=source), and keep the labels of the round before this fall.",
        )


def _lost_letters(history: Sequence[Signals]) -> str:
    for key, what in (("letters_per_second", "with LM"), ("greedy_letters_per_second", "greedy")):
        rates = [getattr(signals, key) for signals in history]
        most, now = max(rates), rates[-1]
        if now < (1 - FALL_OF_LETTERS) * most:
            return (
                f"Output {what} has {now:.1f} letters a second; in round {rates.index(most)} it had {most:.1f} "
                f"({(most - now) / most:.0%} less)."
            )
    ratio = history[-1].length_ratio
    if ratio is not None and ratio < LEAST_LENGTH_RATIO:
        return f"The labels have {ratio:.0%} of the letters that the acoustic model alone writes."
    return ""


def _vocabulary(history: Sequence[Signals]) -> Iterator[Alarm]:
    now = history[-1]
    # more utterances have more different words
    earlier = [signals for signals in history if signals.utterances <= now.utterances]
    most = max(_credible_vocabulary(signals) for signals in earlier)
    if now.vocabulary < (1 - FALL_OF_VOCABULARY) * most:
        yield Alarm(
            "vocabulary",
            f"The labels use {now.vocabulary} different words; an earlier round, or text of its length, has {most}.",
            "The LM's frequent words take over. Lower decoder.lm_weight, widen decoder.beam, or filter by agreement.",
        )


def _credible_vocabulary(signals: Signals) -> int:
    """Return how many different words were labelled, but no more than text has in as many words."""
    return min(signals.vocabulary, signals.text_vocabulary or signals.vocabulary)


def _agreement(history: Sequence[Signals]) -> Iterator[Alarm]:
    best, now = max(signals.agreement for signals in history), history[-1].agreement
    if now < best - FALL_OF_AGREEMENT:
        yield Alarm(
            "agreement",
            f"Greedy output and labels agree on {now:.0%} of the units; an earlier round reached {best:.0%}.",
            "The student did not learn what it was taught: train it longer, lower its regularisation, or filter "
            "labels. If only the weights changed, lower decoder.lm_weight.",
        )


def _nonwords(history: Sequence[Signals]) -> Iterator[Alarm]:
    """Round 0 may write in the source's spelling; its students must learn the target's."""
    shares = [signals.nonword_share for signals in history if signals.nonword_share is not None]
    if len(shares) < 2:
        return
    now, first, least = shares[-1], shares[0], min(shares)
    if now > least + RISE_OF_NONWORDS or now > max(MOST_NONWORDS, first - RISE_OF_NONWORDS):
        yield Alarm(
            "non-words",
            f"{now:.0%} of the words that the acoustic model writes by itself are none of the lexicon (round 0: "
            f"{first:.0%}, best: {least:.0%}).",
            "The students do not learn the target's words. Check that lexicon and acoustic model use the same units "
            "and spelling, filter labels by agreement, train longer, or choose another source.",
        )


def _degradation(history: Sequence[Signals]) -> Iterator[Alarm]:
    best = _best_before(history)
    now = history[-1].label_free
    if best is not None and now is not None and now > (1 + SPREAD_OF_SEEDS) * best[1]:
        yield Alarm(
            "degradation",
            f"The label-free score is {now:.3f}; round {best[0]} had {best[1]:.3f} (lower is better).",
            f"Rounds amplify errors now. Use the model of round {best[0]}, or go on from it with fewer updates, "
            "stricter filters, or student.init=source.",
        )


def _plateau(history: Sequence[Signals]) -> Iterator[Alarm]:
    best = _best_before(history)
    now = history[-1].label_free
    if best is None or now is None:
        return
    if (1 - FALL_OF_SCORE) * best[1] <= now <= (1 + SPREAD_OF_SEEDS) * best[1]:
        yield Alarm(
            "plateau",
            f"The label-free score is {now:.3f}; round {best[0]} had {best[1]:.3f}: no gain.",
            "Further rounds of this kind bring little. What may: more target audio or text, a larger model, longer "
            "training, or a fresh start from the source AM with these labels (student.init=source).",
        )


def _best_before(history: Sequence[Signals]) -> tuple[int, float] | None:
    """Return the round before the last that has the best label-free score, and that score."""
    scores = [(k, signals.label_free) for k, signals in enumerate(history[:-1])]
    known = [(number, score) for number, score in scores if score is not None]
    return min(known, key=lambda entry: entry[1], default=None)


def _source_language(history: Sequence[Signals]) -> Iterator[Alarm]:
    """Greedy units of a student go on being the source's. A target that is like the source is no reason."""
    first, now = _source_lead(history[0]), _source_lead(history[-1])
    if len(history) < 3 or first is None or now is None or now < LEAST_SOURCE_LEAD:
        return
    if now > MOST_OF_SOURCE_LEAD * first:
        yield Alarm(
            "source language",
            f"The units that the acoustic model writes by itself are nearer to the source's transcripts than to the "
            f"target's text by {now:.3f} (Jensen-Shannon distance); round 0: {first:.3f}.",
            "The students stay with the source language. Lower student.mix_weights, train longer on the labels, or "
            "raise the learning rate.",
        )


def _foreign_words(history: Sequence[Signals]) -> Iterator[Alarm]:
    """The source AM detects words that it was trained on, and the lexicon lets them pass."""
    share = history[-1].foreign_share
    if share is not None and share > MOST_FOREIGN:
        yield Alarm(
            "foreign words",
            f"{share:.0%} of the words of the labels are in another script than most words of the lexicon.",
            "Lexicon and text hold words of another language, and the source AM may know them. Make the text again by "
            "xlpl prepare text, which leaves out sentences with letters of another script; from it lexicon and LM.",
        )


def _source_lead(signals: Signals) -> float | None:
    """Return by how much greedy units are nearer to the source's than to the target text's; below 0 if they are not."""
    if signals.source_distance is None or signals.greedy_histogram_distance is None:
        return None
    return signals.greedy_histogram_distance - signals.source_distance
