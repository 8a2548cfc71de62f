"""Is an error rate told by signals alone? A line fitted on all languages but one, and tried on that one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t  # type: ignore[import-untyped]

from study.records import WORDS, CellRecord
from xlpl_plugin.monitoring.expected_error import ErrorModel, ExpectedError, log_odds
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.text_table import render

# tried, alone and in pairs
CANDIDATES = ("label_free", "held_out", "agreement", "confidence", "evidence")
LEVEL = 0.8
# a spread between languages needs some
LEAST_LANGUAGES = 3
# of the coefficients, in standard deviations of their signals: languages are few
_RIDGE = 1e-2

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One labelling whose error rate is known."""

    language: str
    stage: str
    signals: Signals
    rate: float


@dataclass(frozen=True)
class Trial:
    """A choice of signals, on languages that the line was not fitted on.

    Attributes:
        error: mean of |expected - true|, in points of WER, each language counting alike.
        covered: share of the cases inside the interval, each language counting alike.
        width: mean width of the interval, in points of WER.
        score: mean interval score (Gneiting and Raftery, 2007), in points of WER: the width, and what lies outside
            counted 2 / (1 - LEVEL) times. It is least for the narrowest interval that holds as much as is wanted.
        by_language: language -> (error, covered).
    """

    signals: tuple[str, ...]
    error: float
    covered: float
    width: float
    score: float
    by_language: Mapping[str, tuple[float, float]]


def cases_of(records: Sequence[CellRecord]) -> list[Case]:
    """Return all labellings with words and an LM, of people's speech."""
    return [
        Case(record.language, stage.stage, stage.measurement.signals, stage.lm.score.rate.value)
        for record in records
        if record.unit == WORDS and record.is_human
        for stage in record.stages
        if stage.lm and all(getattr(stage.measurement.signals, name) is not None for name in CANDIDATES)
    ]


def trials(cases: Sequence[Case]) -> list[Trial]:
    """Try each signal alone, and each pair, leaving out one language after the other; the least interval score first.

    Empty for too few languages.
    """
    if len(_languages(cases)) < LEAST_LANGUAGES:
        return []
    choices = [*((name,) for name in CANDIDATES), *itertools.combinations(CANDIDATES, 2)]
    return sorted((_trial(cases, choice) for choice in choices), key=lambda trial: trial.score)


def _trial(cases: Sequence[Case], signals: tuple[str, ...]) -> Trial:
    found: dict[str, list[float]] = {}
    for language in _languages(cases):
        model = fit([case for case in cases if case.language != language], signals)
        left = [case for case in cases if case.language == language]
        told = [(model.expected(case.signals), case.rate) for case in left]
        found[language] = np.mean([_compared(one, rate) for one, rate in told if one], axis=0).tolist()
    error, covered, width, score = np.mean(list(found.values()), axis=0).tolist()
    return Trial(signals, error, covered, width, score, {name: (row[0], row[1]) for name, row in found.items()})


def _compared(told: ExpectedError, rate: float) -> tuple[float, float, float, float]:
    """Return error, whether the rate lies inside, width and interval score."""
    width = told.high - told.low
    outside = max(told.low - rate, rate - told.high, 0.0)
    score = width + 2 / (1 - LEVEL) * outside
    return 100 * abs(told.value - rate), float(outside == 0), 100 * width, 100 * score


def fit(cases: Sequence[Case], signals: tuple[str, ...]) -> ErrorModel:
    """Fit the line, each language counting alike; its interval is from lines that leave each language out."""
    languages = _languages(cases)
    intercept, coefficients = _line(cases, signals)
    spread = [
        np.mean(np.square(_residuals([case for case in cases if case.language == language], signals, *line)))
        for language, line in _leaving_out(cases, signals)
    ]
    quantile = student_t.ppf((1 + LEVEL) / 2, len(languages) - 1)
    half_width = float(quantile * np.sqrt(np.mean(spread)))
    told = dict(zip(signals, (round(float(value), 4) for value in coefficients), strict=True))
    return ErrorModel(round(intercept, 4), told, round(half_width, 4), LEVEL, tuple(languages))


def _leaving_out(cases: Sequence[Case], signals: tuple[str, ...]) -> Iterator[tuple[str, tuple[float, Array]]]:
    for language in _languages(cases):
        yield language, _line([case for case in cases if case.language != language], signals)


def _line(cases: Sequence[Case], signals: tuple[str, ...]) -> tuple[float, Array]:
    """Return intercept and coefficients of weighted ridge regression."""
    values, odds = _values(cases, signals), np.array([log_odds(case.rate) for case in cases])
    counts = {language: sum(case.language == language for case in cases) for language in _languages(cases)}
    weights = np.array([1 / counts[case.language] for case in cases])
    weights /= weights.sum()
    middle, level = weights @ values, float(weights @ odds)
    scale = np.sqrt(weights @ (values - middle) ** 2) + 1e-9
    shapes = (values - middle) / scale
    gram = shapes.T @ (weights[:, None] * shapes) + _RIDGE * np.eye(len(signals))
    slopes = np.linalg.solve(gram, shapes.T @ (weights * (odds - level))) / scale
    return level - float(middle @ slopes), slopes


def _residuals(cases: Sequence[Case], signals: tuple[str, ...], intercept: float, slopes: Array) -> Array:
    odds = np.array([log_odds(case.rate) for case in cases])
    return odds - intercept - _values(cases, signals) @ slopes


def _values(cases: Sequence[Case], signals: tuple[str, ...]) -> Array:
    return np.array([[getattr(case.signals, name) for name in signals] for case in cases], dtype=np.float64)


def _languages(cases: Sequence[Case]) -> list[str]:
    return sorted({case.language for case in cases})


def told(cases: Sequence[Case], found: Sequence[Trial]) -> str:
    """Return the page's tables of ``trials``: what each choice of signals gives, and the best one by language."""
    languages = _languages(cases)
    if not found:
        return f"Not known yet: it takes {LEAST_LANGUAGES} languages, and there are records of {len(languages)}."
    rows = [
        {
            "signals": ", ".join(trial.signals),
            "error, points of WER": f"{trial.error:.1f}",
            f"inside the interval ({LEVEL:.0%} wanted)": f"{trial.covered:.0%}",
            "width of the interval": f"{trial.width:.0f}",
            "interval score": f"{trial.score:.0f}",
        }
        for trial in found[:6]
    ]
    best = found[0]
    by_language = [
        {"left out": name, "error, points of WER": f"{error:.1f}", "inside": f"{covered:.0%}"}
        for name, (error, covered) in best.by_language.items()
    ]
    about = f"{len(cases)} labellings of {len(languages)} languages ({', '.join(languages)})."
    return "\n\n".join([about, render(rows, "markdown"), render(by_language, "markdown")])
