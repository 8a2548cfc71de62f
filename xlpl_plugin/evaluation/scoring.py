"""Word and character error rates of systems against references, with bootstrap intervals."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.counting import (
    EditCounts,
    Rates,
    bootstrap_rates,
    count_characters,
    count_unspaced,
    count_words,
)
from xlpl_plugin.evaluation.reliability import Reliability
from xlpl_plugin.evaluation.texts import References, Script, System
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.stage import CONTINUOUS, Stage
from xlpl_plugin.text.scripts import is_unspaced

_IDS_SHOWN = 5
FIRST = Stage.round(0)
Headline = Literal["WER", "CER"]
_STAGE = re.compile(rf"round \d+|{CONTINUOUS}")


def name_of(stage: Stage) -> str:
    """Return what the labels of a stage are called in a table of scores."""
    return "zero-shot" if stage == FIRST else str(stage)


@dataclass(frozen=True)
class Interval:
    """A rate, or a difference of rates, as fractions, and its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The headline rate minus that of ``baseline`` on the same resamples (below zero: better than the baseline)."""

    baseline: str
    rate: Interval
    # share of resamples in which this system is not better than the baseline
    not_better: float


@dataclass(frozen=True)
class Score:
    """One system's error rates over all utterances of the references. Counts are of words.

    ``reliability`` is of its confidences, where they were judged (``evaluation.calibration``).
    """

    system: str
    script: Script
    utterances: int
    words: int
    substitutions: int
    deletions: int
    insertions: int
    wer: Interval
    cer: Interval
    # the rate to go by: CER where a segmenter made the words, since they are not the writers' own
    headline: Headline = "WER"
    difference: Difference | None = None
    reliability: Reliability | None = None

    @property
    def stage(self) -> Stage | None:
        """The stage of a run that it scores, by the name that ``name_of`` gave it; None for other systems."""
        name = self.system.removesuffix(" greedy").removesuffix(" LM")
        if name == self.system:
            return None
        if name == name_of(FIRST):
            return FIRST
        return Stage.parse(name) if _STAGE.fullmatch(name) else None

    @property
    def rate(self) -> Interval:
        """The headline rate."""
        return self.wer if self.headline == "WER" else self.cer

    @property
    def greedy(self) -> bool:
        return self.system.endswith(" greedy")


@dataclass(frozen=True)
class ScoreTable(JsonRecord):
    """``score.json``: the rows of the table of ``xlpl score``."""

    rows: tuple[Score, ...]

    holds = "a table of scores"
    written_by = "`xlpl score --json`"


@dataclass
class ScoreOptions:
    """How the intervals are drawn."""

    # number of times the utterances are resampled
    resamples: int = 10_000
    # of the resampling: the same seed gives the same intervals
    seed: int = 1
    # mass of the interval
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1 or not 0 < self.confidence < 1:
            raise XlplError(
                f"resamples={self.resamples}, confidence={self.confidence}",
                expected="at least 1 resample and a confidence between 0 and 1",
            )


def score(
    systems: Sequence[System],
    references: References,
    options: ScoreOptions | None = None,
    *,
    baselines: Sequence[System] = (),
) -> list[Score]:
    """Score every system on all utterances of ``references``.

    Args:
        baselines: systems to which each row is compared, pairwise, at most one a script; a row is compared
            with the baseline of its own script.

    Raises:
        XlplError: a system whose ids are not exactly those of the references (some are named), or references
            without any word.
    """
    options = options or ScoreOptions()
    everything = [*systems, *baselines]
    unspaced = is_unspaced(word for text in references.native.values() for word in text.split())
    words = [_count(system, references, count_words) for system in everything]
    characters = [_count(system, references, count_unspaced if unspaced else count_characters) for system in everything]
    if any(counts.length.sum() == 0 for counts in words):
        raise XlplError("the references hold no word", file=references.folder / f"{references.split}.wrd")
    wer, cer = _resample(words, options), _resample(characters, options)
    main, drawn = (characters, cer) if unspaced else (words, wer)
    return [
        Score(
            system=system.name,
            script=system.script,
            utterances=len(references.native),
            words=int(words[i].length.sum()),
            substitutions=int(words[i].substitutions.sum()),
            deletions=int(words[i].deletions.sum()),
            insertions=int(words[i].insertions.sum()),
            wer=_interval(_rate(words[i]), wer[i], options),
            cer=_interval(_rate(characters[i]), cer[i], options),
            headline="CER" if unspaced else "WER",
            difference=_difference(i, everything, len(systems), main, drawn, options),
        )
        for i, system in enumerate(systems)
    ]


def _count(
    system: System, references: References, count: Callable[[Iterable[str], Iterable[str]], EditCounts]
) -> EditCounts:
    expected = references.text(system.script)
    _match_ids(system, expected)
    return count(expected.values(), (system.texts[key] for key in expected))


def _match_ids(system: System, expected: Collection[str]) -> None:
    missing = [key for key in expected if key not in system.texts]
    extra = [key for key in system.texts if key not in expected]
    if missing or extra:
        parts = [_name_ids(missing, "missing"), _name_ids(extra, "not in the references")]
        raise XlplError(
            f"the ids of {system.name!r} are not those of the references: {'; '.join(filter(None, parts))}",
            file=system.file,
            expected=f"exactly the {len(expected)} ids of the references",
            remedy="score labels of the same split and folder, whole (labels.jsonl holds filtered ones too)",
        )


def _name_ids(ids: Sequence[str], what: str) -> str:
    if not ids:
        return ""
    more = f" and {len(ids) - _IDS_SHOWN} more" if len(ids) > _IDS_SHOWN else ""
    return f"{what}: {', '.join(ids[:_IDS_SHOWN])}{more}"


def _rate(counts: EditCounts) -> float:
    return int(counts.errors.sum()) / int(counts.length.sum())


def _resample(counts: Sequence[EditCounts], options: ScoreOptions) -> Rates:
    errors, lengths = np.stack([c.errors for c in counts]), np.stack([c.length for c in counts])
    return bootstrap_rates(errors, lengths, resamples=options.resamples, seed=options.seed)


def _interval(value: float, resampled: Rates, options: ScoreOptions) -> Interval:
    tail = (1 - options.confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _difference(
    row: int,
    everything: Sequence[System],
    first: int,
    counts: Sequence[EditCounts],
    rates: Rates,
    options: ScoreOptions,
) -> Difference | None:
    """Compare with the baseline of the same script (baselines start at index ``first``), unless that is the row."""
    for other in range(first, len(everything)):
        baseline = everything[other]
        if baseline.script == everything[row].script and baseline != everything[row]:
            resampled = rates[row] - rates[other]
            value = _rate(counts[row]) - _rate(counts[other])
            return Difference(baseline.name, _interval(value, resampled, options), float((resampled >= 0).mean()))
    return None
