"""Whether confidences can be believed, in numbers: what ``evaluation.calibration`` measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bin:
    """Words with confidences from ``low`` up to ``high``: how many, their mean, and the share that is right."""

    low: float
    high: float
    count: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Curve:
    """A reliability curve and its expected calibration error: the mean distance of confidence and right share."""

    error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Calibration:
    """How well confidences rank, and how well they are calibrated as they are and after cross-fitted calibration.

    ``auc`` and ``average_precision`` are those of telling right from wrong by the raw confidence; None where all
    words are right, or all wrong.
    """

    auc: float | None
    average_precision: float | None
    raw: Curve
    calibrated: Curve


@dataclass(frozen=True)
class Reliability:
    """Of the words by their own confidence, and of the same words by the confidence of their utterance."""

    system: str
    right: float
    words: Calibration
    utterances: Calibration
