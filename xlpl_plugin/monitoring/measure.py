"""Signals of a labelling, measured in one pass over its labels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING
from rapidfuzz.distance import Levenshtein

from xlpl_plugin.data.units import BLANK_INDEX, WORD_BOUNDARY, words_of_units
from xlpl_plugin.decoding import Hypothesis, LogProbs
from xlpl_plugin.decoding.options import DecoderConfig
from xlpl_plugin.emissions.compute import Emissions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, must_exist
from xlpl_plugin.labelling.filtering.other_labels import OtherLabels, spelled_words
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, iter_labels
from xlpl_plugin.monitoring.signals import Signals, SignalsConfig
from xlpl_plugin.monitoring.training_log import read_training_log
from xlpl_plugin.monitoring.unit_histograms import (
    Histogram,
    distance,
    expected_vocabulary,
    text_histogram,
    units_histogram,
)
from xlpl_plugin.schema import check_options
from xlpl_plugin.text.scripts import main_script, script_of_word
from xlpl_plugin.text.spelling.lexicon import count_words, read_lexicon
from xlpl_plugin.text.spelling.respelling import fit_lexicon
from xlpl_plugin.tuning.criteria import CRITERIA, OutcomeTally, ScoringLM
from xlpl_plugin.tuning.tune import read_tuning
from xlpl_plugin.tuning.weight_search import SearchConfig, scoring_lm

# seconds; recordings without samples have no rate
_INSTANT = 1e-3


@dataclass
class MeasureConfig:
    """What is measured of the labels of a round's train split, and what it is compared with."""

    # folder of the labels, and that of the log-probs that they were decoded from
    labels: str = MISSING
    emissions: str = MISSING
    # folder of the labels of the valid split, which no student trains on; empty: no score on held-out audio
    valid_labels: str = ""
    # lexicon and LM that they were decoded with
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    # criterion and scoring LM of the label-free score
    search: SearchConfig = field(default_factory=SearchConfig)
    # what else they are measured with
    signals: SignalsConfig = field(default_factory=SignalsConfig)
    # folder that the round's model was tuned in; empty: it was not
    tuning: str = ""
    # train.log of the round's model; empty in round 0, whose model learnt from no pseudo-labels
    training_log: str = ""
    # folder of the labels of the round before; empty in round 0
    previous: str = ""
    # prepared folders of the source languages, whose train.ltr is compared with the greedy output
    sources: list[str] = field(default_factory=list)


def measure(config: MeasureConfig) -> Signals:
    """Measure the labels of one split. Memory does not grow with their number but for 16 bytes a label.

    Raises:
        XlplError: a file is missing or broken, or there is no label.
    """
    check_options(config.signals, "signals")
    decoder, search = config.decoder, config.search
    stored = Emissions(config.emissions)
    text = _Text(decoder, config.signals.text or search.text, stored.units)
    counts, lm_scores = _Counts(text.spelled), _LmScores(config.signals, decoder, search)
    change = _Change(OtherLabels(config.previous)) if config.previous else None
    for record in _records(config.labels):
        counts.add(record)
        lm_scores.add(record)
        if change:
            change.add(record)
    log = read_training_log(config.training_log) if config.training_log else None
    valid = log.valid[-1] if log and log.valid else None
    evidence = read_tuning(config.tuning).evidence if config.tuning else None
    return Signals(
        utterances=counts.utterances,
        blank_share=blank_share(stored),
        empty_share=counts.empty / counts.utterances,
        kept_share=counts.kept / counts.utterances,
        letters_per_second=counts.letters / max(_INSTANT, counts.seconds),
        greedy_letters_per_second=counts.greedy_letters / max(_INSTANT, counts.seconds),
        vocabulary=len(counts.words),
        text_vocabulary=text.vocabulary(counts.words.total()),
        top_word_share=max(counts.words.values(), default=0) / max(1, counts.words.total()),
        agreement=counts.agreement / counts.utterances,
        confidence=counts.confidence / counts.utterances,
        change=change.rate() if change else None,
        label_free=lm_scores.score(),
        held_out=label_free_score(config.valid_labels, decoder, search) if config.valid_labels else None,
        lm_perplexity=lm_scores.perplexity(),
        perplexity_lm=lm_scores.key,
        length_ratio=counts.letters / max(1, counts.greedy_letters),
        histogram_distance=text.distance(counts.units),
        greedy_histogram_distance=text.distance(counts.greedy_units),
        source_distance=_nearest(counts.greedy_units, config.sources),
        foreign_share=text.foreign_share(counts.words),
        nonword_share=counts.nonword_share,
        train_loss=log.train[-1][1] if log and log.train else None,
        valid_loss=valid[1] if valid else None,
        valid_uer=valid[2] / 100 if valid else None,
        evidence=evidence.gain if evidence else None,
        evidence_error=evidence.error if evidence else None,
    )


def label_free_score(labels: str | Path, decoder: DecoderConfig, search: SearchConfig) -> float | None:
    """Return ``Signals.label_free`` of a folder of labels alone; errors as of ``measure``."""
    lm_scores = _LmScores(SignalsConfig(), decoder, search)
    for record in _records(labels):
        lm_scores.add(record)
    return lm_scores.score()


def _records(labels: str | Path) -> Iterator[LabelRecord]:
    file = must_exist(Path(labels) / LABELS_FILE, "labels written by xlpl label")
    record = None
    for record in iter_labels(file):
        yield record
    if record is None:
        raise XlplError("holds no labels", file=file, expected="a label for each utterance of the split")


class _Counts:
    """What records say by themselves, summed up."""

    def __init__(self, spelled: Container[str] | None) -> None:
        """Take the lexicon's words as they are spelled, if there is one."""
        self.utterances = self.empty = self.kept = 0
        self.seconds = self.agreement = self.confidence = 0.0
        self.words: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.greedy_units: Counter[str] = Counter()
        self._spelled = spelled
        # not the words themselves: hardly two words of a bad model are the same
        self._greedy_words = self._nonwords = 0

    def add(self, record: LabelRecord) -> None:
        self.utterances += 1
        self.empty += not record.words
        self.kept += record.kept
        self.seconds += record.seconds
        self.agreement += record.agreement
        self.confidence += record.confidence
        self.words.update(record.words)
        self.units.update(record.units.split())
        greedy = record.greedy.split()
        self.greedy_units.update(greedy)
        if self._spelled is not None:
            words = words_of_units(greedy)
            self._greedy_words += len(words)
            self._nonwords += sum(word not in self._spelled for word in words)

    @property
    def letters(self) -> int:
        return self.units.total() - self.units[WORD_BOUNDARY]

    @property
    def greedy_letters(self) -> int:
        return self.greedy_units.total() - self.greedy_units[WORD_BOUNDARY]

    @property
    def nonword_share(self) -> float | None:
        """None without a lexicon; 0 where the greedy output has no word."""
        return None if self._spelled is None else self._nonwords / max(1, self._greedy_words)


class _LmScores:
    """The labels' label-free score and perplexity under language models."""

    def __init__(self, config: SignalsConfig, decoder: DecoderConfig, search: SearchConfig) -> None:
        lm, level = scoring_lm(search, decoder)
        self._criterion = CRITERIA[search.criterion]
        self._tally = OutcomeTally(ScoringLM(lm, level)) if lm else None
        self.key = "tuning.search.scoring_lm" if search.scoring_lm else "decoder.lm" if lm else ""
        self._lm: ScoringLM | None = None
        self._nats, self._tokens = 0.0, 0
        if config.lm:
            self.key = "signals.lm"
            self._lm = ScoringLM(config.lm, "units" if config.lm_level == "units" else "words")

    def add(self, record: LabelRecord) -> None:
        hypothesis = _hypothesis(record.words, record.units)
        if self._tally:
            self._tally.add(hypothesis, _hypothesis((), record.greedy))
        if self._lm:
            nats, tokens = self._lm.nats(hypothesis)
            self._nats += nats
            self._tokens += tokens

    def score(self) -> float | None:
        return self._criterion(self._tally.outcome()) if self._tally else None

    def perplexity(self) -> float | None:
        """Return that under the second LM; where there is none, under the scoring LM."""
        if self._lm:
            return math.exp(self._nats / self._tokens)
        return math.exp(self._tally.outcome().log_perplexity) if self._tally else None


def _hypothesis(words: tuple[str, ...], units: str) -> Hypothesis:
    return Hypothesis(words, tuple(units.split()), am_score=0.0, lm_score=0.0, score=0.0, frames=())


class _Change:
    """Word error rate of labels with those of the round before as the reference, over the ids that both have."""

    def __init__(self, previous: OtherLabels) -> None:
        self._previous = previous
        self._common = self._edits = self._words = 0

    def add(self, record: LabelRecord) -> None:
        before = self._previous.find(record.id)
        if before is not None:
            self._common += 1
            self._edits += Levenshtein.distance(before.words, record.words)
            self._words += len(before.words)

    def rate(self) -> float | None:
        """Return None where no id is common; where that round had no word at all 1, or 0 if there is still none."""
        if not self._common:
            return None
        return self._edits / self._words if self._words else float(self._edits > 0)


class _Text:
    """The target's lexicon and text, as the model's units are compared with them; without a lexicon with nothing."""

    def __init__(self, decoder: DecoderConfig, text: str, units: Sequence[str]) -> None:
        lexicon = fit_lexicon(read_lexicon(decoder.lexicon), units).lexicon if decoder.lexicon else None
        self.spelled = spelled_words(lexicon) if lexicon else None
        self._words: Histogram | None = None
        self._histogram: Histogram | None = None
        if lexicon and text:
            self._words = count_words(iter_lines(text), lexicon.spellings)
            self._histogram = text_histogram(self._words, lexicon)
        self._script = main_script(lexicon.spellings) if lexicon else None

    def vocabulary(self, words: int) -> int | None:
        """Return how many different words the text has in as many words."""
        return None if self._words is None else expected_vocabulary(self._words, words)

    def foreign_share(self, words: Counter[str]) -> float | None:
        """Return the share of the labels' words that are in another script than most words of the lexicon."""
        if self._script is None:
            return None
        foreign = sum(count for word, count in words.items() if script_of_word(word) not in ("", self._script))
        return foreign / max(1, words.total())

    def distance(self, units: Histogram) -> float | None:
        return None if self._histogram is None else distance(units, self._histogram)


def _nearest(units: Histogram, sources: Sequence[str | Path]) -> float | None:
    """Return the distance to the source whose transcripts' units are nearest; None without sources."""
    return min((distance(units, units_histogram(Path(source) / "train.ltr")) for source in sources), default=None)


def blank_share(emissions: Iterable[LogProbs]) -> float:
    """Return the share of frames, of all (T, C) log-probs together, whose most probable unit is the blank."""
    blank = frames = 0
    for log_probs in emissions:
        blank += int((log_probs.argmax(axis=1) == BLANK_INDEX).sum())
        frames += len(log_probs)
    return blank / max(1, frames)
