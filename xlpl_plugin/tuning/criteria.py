"""How good a decoding looks without a reference: what is measured, and the criteria that weigh it (lower is better)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rapidfuzz.distance import Levenshtein

from xlpl_plugin.data.units import WORD_BOUNDARY
from xlpl_plugin.decoding import Hypothesis
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines
from xlpl_plugin.text.perplexity import load_lm
from xlpl_plugin.text.spelling.lexicon import count_words

# below this share of edited units the products no longer reward agreeing with the acoustic model
UER_FLOOR = 0.05
# what an edit costs in a description of the greedy output: which letter (ln of 28 is 3.3) and where
NATS_PER_EDIT = 4.0
# pseudo-count of each entry of the confusion table: it is estimated on the very decoding that it scores
_PSEUDO_COUNT = 0.5

Level = Literal["words", "units"]


@dataclass(frozen=True)
class SampleCounts:
    """A sample decoded with one pair of weights; totals.

    Attributes:
        empty: utterances without a word.
        letters, greedy_letters: units that are no word boundary, of the hypotheses and of the greedy output.
        edits: insertions, deletions and substitutions of units between the two.
        greedy_units: units of the greedy output.
        lm_nats: -ln probability of the hypotheses under the judging LM, ends of sentences included.
        lm_tokens: words (or units, of an LM over units) that this LM scored, ends of sentences included.
        channel_nats: -ln probability of the greedy units given the hypotheses' units; see ``ChannelTable``.
    """

    utterances: int
    empty: int
    words: int
    letters: int
    greedy_letters: int
    edits: int
    greedy_units: int
    lm_nats: float
    lm_tokens: int
    channel_nats: float

    @property
    def uer(self) -> float:
        """Edits for each unit of the greedy output."""
        return self.edits / max(1, self.greedy_units)

    @property
    def log_perplexity(self) -> float:
        return self.lm_nats / max(1, self.lm_tokens)

    @property
    def nats_per_letter(self) -> float:
        return self.lm_nats / max(1, self.letters)

    @property
    def letters_ratio(self) -> float:
        """Letters for each greedy letter: below 1 where the search leaves speech out."""
        return self.letters / max(1, self.greedy_letters)

    @property
    def word_length(self) -> float:
        """Letters a word."""
        return self.letters / max(1, self.words)


class ScoringLM:
    """An n-gram model that hypotheses are scored with."""

    def __init__(self, path: str | Path, level: Level) -> None:
        self._model: Any = load_lm(path)
        self._level = level

    def nats(self, hypothesis: Hypothesis) -> tuple[float, int]:
        """Return (-ln probability, tokens), the sentence's end included."""
        tokens = hypothesis.words if self._level == "words" else hypothesis.units
        return -float(self._model.score(" ".join(tokens))) * math.log(10), len(tokens) + 1


class OutcomeTally:
    """Adds up an ``SampleCounts``, one utterance after the other, none of which is kept."""

    def __init__(self, scoring_lm: ScoringLM) -> None:
        self._scoring_lm = scoring_lm
        self._channel = ChannelTable()
        self._counts: Counter[str] = Counter()
        self._lm_nats = 0.0

    def add(self, hypothesis: Hypothesis, greedy: Hypothesis) -> None:
        units, path = hypothesis.units, greedy.units
        nats, tokens = self._scoring_lm.nats(hypothesis)
        self._lm_nats += nats
        self._counts.update(
            utterances=1,
            empty=not hypothesis.words,
            words=len(hypothesis.words),
            letters=count_letters(units),
            greedy_letters=count_letters(path),
            edits=Levenshtein.distance(units, path),
            greedy_units=len(path),
            lm_tokens=tokens,
        )
        self._channel.add(units, path)

    def outcome(self) -> SampleCounts:
        """Return the totals of what was added so far."""
        counts = {name: self._counts[name] for name in _COUNTED}
        return SampleCounts(**counts, lm_nats=self._lm_nats, channel_nats=self._channel.nats())


_COUNTED = ("utterances", "empty", "words", "letters", "greedy_letters", "edits", "greedy_units", "lm_tokens")


def measure_outcome(
    hypotheses: Iterable[Hypothesis], greedy: Iterable[Hypothesis], scoring_lm: ScoringLM
) -> SampleCounts:
    """Measure the hypotheses of a sample against the greedy output of the same utterances."""
    tally = OutcomeTally(scoring_lm)
    for hypothesis, path in zip(hypotheses, greedy, strict=True):
        tally.add(hypothesis, path)
    return tally.outcome()


class ChannelTable:
    """A table of what each unit becomes in a noisy copy (another unit or nothing), and of what appears from nothing.

    It is estimated on the alignments of the very pairs that it then scores. So a mistake that the acoustic model makes
    regularly, such as a spelling of its own language, costs little, unlike in an edit distance.
    """

    def __init__(self) -> None:
        self._table: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, units: Sequence[str], copy: Sequence[str]) -> None:
        for source, target in _aligned(units, copy):
            self._table[source][target] += 1

    def nats(self) -> float:
        """Return -ln probability of all copies given what they are copies of."""
        symbols = {symbol for targets in self._table.values() for symbol in targets} | set(self._table)
        total = 0.0
        for targets in self._table.values():
            mass = targets.total() + _PSEUDO_COUNT * len(symbols)
            total -= sum(count * math.log((count + _PSEUDO_COUNT) / mass) for count in targets.values())
        return total


def _aligned(units: Sequence[str], path: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield (unit, what became of it) with '' for nothing; between two units one '' that yields nothing, or more."""
    insertions = 0
    for step in Levenshtein.opcodes(units, path):
        sources, targets = units[step.src_start : step.src_end], path[step.dest_start : step.dest_end]
        insertions += max(0, len(targets) - len(sources))
        length = max(len(sources), len(targets))
        padded = (*sources, *[""] * (length - len(sources))), (*targets, *[""] * (length - len(targets)))
        yield from zip(*padded, strict=True)
    # each place where something could have appeared and did not
    yield from [("", "")] * max(0, len(units) + 1 - insertions)


def count_letters(units: Iterable[str]) -> int:
    return sum(unit != WORD_BOUNDARY for unit in units)


def letters_per_word(text: str | Path, spellings: Mapping[str, Sequence[Sequence[str]]]) -> float:
    """Return the mean spelled length of the words of normalised text, of those in the lexicon.

    Raises:
        XlplError: no word of the text is in the lexicon.
    """
    counts = count_words(iter_lines(text), spellings)
    if not counts:
        raise XlplError("no word of the text is in the lexicon", file=text, expected="normalised text of the target")
    letters = sum(count * count_letters(spellings[word][0]) for word, count in counts.items())
    return letters / counts.total()


def edits_and_lm(outcome: SampleCounts) -> float:
    """Return edits to greedy for each greedy unit, plus a quarter of the LM's nats a letter: one edit weighs 4 nats.

    A sum, since a product lets a large LM weight pay for any number of edits, and a letter's LM cost, since a
    word's is lower the shorter the words are. About what it costs to write the text down, and the edits in it
    that give the greedy output.
    """
    return outcome.uer + outcome.nats_per_letter / NATS_PER_EDIT


def wav2vec_u(outcome: SampleCounts) -> float:
    """Return ln(perplexity a word) * unit error rate to greedy: wav2vec-U's choice."""
    return outcome.log_perplexity * max(outcome.uer, UER_FLOOR)


def lm_per_letter(outcome: SampleCounts) -> float:
    """Score as wav2vec_u, but with the LM's nats a letter instead of a word."""
    return outcome.nats_per_letter * max(outcome.uer, UER_FLOOR)


def channel(outcome: SampleCounts) -> float:
    """Return the LM's nats plus those of the greedy units as a noisy copy of the hypothesis, for each letter."""
    return (outcome.lm_nats + outcome.channel_nats) / max(1, outcome.letters)


Criterion = Callable[[SampleCounts], float]
CRITERIA: dict[str, Criterion] = {
    function.__name__: function for function in (edits_and_lm, wav2vec_u, lm_per_letter, channel)
}
