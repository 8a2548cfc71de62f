"""Error rates and reliabilities as tables."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.evaluation.scoring import Interval, Score
from xlpl_plugin.text_table import Form, render


def render_scores(scores: Sequence[Score], form: Form = "text") -> str:
    """Draw error rates in per cent with intervals, the headline rate first, and differences where there are some."""
    compared = any(score.difference for score in scores)
    rows = []
    for score in scores:
        rates = {"WER %": percent(score.wer), "CER %": percent(score.cer)}
        row = {
            "system": score.system,
            "text": score.script,
            **(rates if score.headline == "WER" else dict(reversed(rates.items()))),
            "sub": str(score.substitutions),
            "del": str(score.deletions),
            "ins": str(score.insertions),
        }
        if compared:
            difference = percent(score.difference.rate, sign="+") if score.difference else ""
            row[f"{score.headline} against baseline"] = difference
        rows.append(row)
    return render(rows, form)


def render_reliability(scores: Sequence[Score], form: Form = "text") -> str:
    """Draw what the confidences of the systems that have some are worth, two rows each: by word and by utterance."""
    rows = []
    for score in scores:
        if score.reliability is None:
            continue
        kinds = {"word": score.reliability.words, "utterance": score.reliability.utterances}
        for kind, calibration in kinds.items():
            rows.append(
                {
                    "system": score.system,
                    "confidence of": kind,
                    "right %": f"{100 * score.reliability.right:.1f}",
                    "AUC": _share(calibration.auc),
                    "average precision": _share(calibration.average_precision),
                    "ECE": _share(calibration.raw.error),
                    "ECE calibrated": _share(calibration.calibrated.error),
                }
            )
    return render(rows, form)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def percent(interval: Interval, sign: str = "") -> str:
    """Write fractions as ``23.4 [21.0, 25.9]``."""
    value, low, high = (f"{100 * x:{sign}.1f}" for x in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"
