"""Whether confidences can be believed: ranking, reliability, and how far a calibration fitted here would bring them.

Everything here needs references, so it belongs to the evaluation alone; labels keep their raw confidences. The
calibration is Platt's, a logistic curve over the confidence's log-odds, and it is always applied to utterances that it
was not fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

import jiwer
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from xlpl_plugin.decoding.confidence import utterance_confidence
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.reliability import Bin, Calibration, Curve, Reliability
from xlpl_plugin.evaluation.texts import References, System

Numbers = NDArray[np.float64]

_BINS = 10
_FOLDS = 10
# log-odds of 0 and 1 are infinite
_SMALLEST = 1e-6


@dataclass(frozen=True)
class JudgedWords:
    """N decoded words.

    Attributes:
        confidence: (N,) 0 to 1.
        right: (N,) whether the word stands in the alignment with the reference as it is.
        utterance: (N,) number of the utterance that it belongs to, rising.
    """

    confidence: Numbers
    right: NDArray[np.bool_]
    utterance: NDArray[np.int64]


def measure_reliability(system: System, references: References) -> Reliability:
    """Measure the confidences of ``system`` against ``references``.

    Raises:
        XlplError: not one confidence a word, or fewer than two utterances with words: one to fit on, one to test.
    """
    judged = judge_words(system, references)
    if len(np.unique(judged.utterance)) < 2:
        raise XlplError(
            f"{system.name!r} has words in fewer than two utterances",
            file=system.file,
            expected="a calibration can be fitted on some utterances and tested on others",
            remedy="label more utterances",
        )
    return Reliability(
        system=system.name,
        right=float(judged.right.mean()),
        words=calibrate(judged),
        utterances=calibrate(by_utterance(judged)),
    )


def judge_words(system: System, references: References) -> JudgedWords:
    """Align each utterance with its reference and pair every decoded word's confidence with whether it is right.

    Raises:
        XlplError: an utterance without exactly one confidence a word.
    """
    truth = references.text(system.script)
    alignments = jiwer.process_words(list(truth.values()), [system.texts[key] for key in truth])
    confidence: list[float] = []
    right: list[bool] = []
    utterance: list[int] = []
    for number, (key, chunks) in enumerate(zip(truth, alignments.alignments, strict=True)):
        found = system.confidences.get(key, ())
        words = len(system.texts[key].split())
        if len(found) != words:
            raise XlplError(
                f"{key!r} of {system.name!r} has {words} words and {len(found)} confidences",
                file=system.file,
                expected="one confidence for each word (word_confidences)",
                remedy="label the split again with 'xlpl label'",
            )
        equal = [False] * words
        for chunk in chunks:
            if chunk.type == "equal":
                equal[chunk.hyp_start_idx : chunk.hyp_end_idx] = [True] * (chunk.hyp_end_idx - chunk.hyp_start_idx)
        confidence += found
        right += equal
        utterance += [number] * words
    return JudgedWords(
        np.array(confidence, dtype=np.float64), np.array(right, dtype=bool), np.array(utterance, np.int64)
    )


def by_utterance(judged: JudgedWords) -> JudgedWords:
    """Return the same words, each with the confidence of its utterance: the share of its words expected to be right."""
    _, starts, counts = np.unique(judged.utterance, return_index=True, return_counts=True)
    means = [utterance_confidence(part.tolist()) for part in np.split(judged.confidence, starts[1:])]
    return JudgedWords(np.repeat(means, counts), judged.right, judged.utterance)


def calibrate(judged: JudgedWords) -> Calibration:
    """Measure confidences of words in at least two utterances, before and after calibration."""
    both = bool(judged.right.any() and not judged.right.all())
    return Calibration(
        auc=float(roc_auc_score(judged.right, judged.confidence)) if both else None,
        average_precision=float(average_precision_score(judged.right, judged.confidence)) if both else None,
        raw=reliability_curve(judged.confidence, judged.right),
        calibrated=reliability_curve(cross_fitted(judged), judged.right),
    )


def cross_fitted(judged: JudgedWords) -> Numbers:
    """Return (N,) calibrated confidences, those of each tenth of the utterances by a curve fitted on the others."""
    clipped = judged.confidence.clip(_SMALLEST, 1 - _SMALLEST)
    log_odds = np.log(clipped / (1 - clipped))[:, None]
    calibrated = np.empty(len(clipped))
    folds = GroupKFold(min(_FOLDS, len(np.unique(judged.utterance))))
    for train, test in folds.split(log_odds, judged.right, judged.utterance):
        share = judged.right[train].mean()
        if 0 < share < 1:
            fitted = LogisticRegression().fit(log_odds[train], judged.right[train])
            calibrated[test] = fitted.predict_proba(log_odds[test])[:, 1]
        else:
            calibrated[test] = share
    return calibrated


def reliability_curve(confidence: Numbers, right: NDArray[np.bool_]) -> Curve:
    """Put (N,) confidences into ten bins of equal width and compare each bin's mean with its share of right words."""
    numbers = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    bins = tuple(
        _bin(int(number), confidence[numbers == number], right[numbers == number]) for number in np.unique(numbers)
    )
    return Curve(sum(b.count * abs(b.confidence - b.right) for b in bins) / len(confidence), bins)


def _bin(number: int, confidence: Numbers, right: NDArray[np.bool_]) -> Bin:
    return Bin(number / _BINS, (number + 1) / _BINS, len(right), float(confidence.mean()), float(right.mean()))
