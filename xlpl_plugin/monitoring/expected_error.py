"""How many words of a labelling are probably wrong, by its signals alone.

A straight line through the log odds of the word error rates of runs on other languages, over some signals
(docs/results/expected-error.md: how it was fitted, its error and its coverage on languages left out).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.monitoring.signals import Signals

SHIPPED = Path(__file__).with_name("expected_error.json")
# error rates beyond are taken for these: their log odds go to infinity, and 99 tells no more than 95, a useless model
_LEAST, _MOST = 0.01, 0.95


@dataclass(frozen=True)
class ExpectedError:
    """A word error rate and an interval, as shares of 1."""

    value: float
    low: float
    high: float

    def told(self) -> str:
        """Return the interval for people.

        >>> ExpectedError(0.42, 0.348, 0.496).told()
        'probably between 35 and 50 %'
        """
        return f"probably between {100 * self.low:.0f} and {100 * self.high:.0f} %"


@dataclass(frozen=True)
class ErrorModel(JsonRecord):
    """``expected_error.json``.

    Attributes:
        coefficients: field of ``Signals`` -> what its value counts.
        half_width: of the interval, in log odds.
        level: the share of new languages that the interval is meant to cover.
        languages: that it was fitted on.
    """

    intercept: float
    coefficients: Mapping[str, float]
    half_width: float
    level: float
    languages: tuple[str, ...]

    holds = "a model of error rates"
    written_by = "`make results`"

    def expected(self, signals: Signals) -> ExpectedError | None:
        """Return what these signals lead to expect; None where one of them is not known."""
        values = {name: getattr(signals, name) for name in self.coefficients}
        if any(value is None for value in values.values()):
            return None
        middle = self.intercept + sum(self.coefficients[name] * value for name, value in values.items())
        value, low, high = (_share(middle + part * self.half_width) for part in (0, -1, 1))
        return ExpectedError(value, low, high)


def log_odds(rate: float) -> float:
    """Return the log odds of an error rate."""
    inside = min(max(rate, _LEAST), _MOST)
    return math.log(inside / (1 - inside))


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


@cache
def shipped_model() -> ErrorModel | None:
    """Return the model that comes with the package; None before one was fitted on enough languages."""
    return ErrorModel.read_if_there(SHIPPED)


def expected_error(signals: Signals) -> ExpectedError | None:
    """Return what the shipped model says; None without one, or where a signal that it needs is not known."""
    model = shipped_model()
    return model.expected(signals) if model else None
