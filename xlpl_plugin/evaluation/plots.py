"""Pictures of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.reliability import Bin, Calibration, Curve, Reliability
from xlpl_plugin.files import atomic_open

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# readable side by side also without colour vision, by marker and by lightness
_STYLES = {"raw": ("#c1440e", "s", "--"), "calibrated": ("#1f5f99", "o", "-")}
# width of a bar of the histogram; two stand in a bin
_BAR = 0.04
# bins of fewer words say nothing; they count in the error and in the histogram all the same
_FEWEST = 5
_Z95 = 1.96


def draw_reliability(file: str | Path, found: Sequence[Reliability]) -> None:
    """Draw a PNG: for each system the reliability of words and of utterances, and below how many words are where.

    Raises:
        XlplError: nothing to draw.
    """
    if not found:
        raise XlplError(
            "the labels hold no confidences of words",
            expected="word_confidences in labels.jsonl",
            remedy="label the split again with 'xlpl label'",
        )
    figure = Figure(figsize=(9, 5 * len(found)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(found), squeeze=False)[:, 0]
    for part, reliability in zip(parts, found, strict=True):
        part.suptitle(f"{reliability.system}: {100 * reliability.right:.1f} % of its words are right")
        grid = part.subplots(2, 2, sharex=True, height_ratios=[3, 1])
        _draw(grid[:, 0], reliability.words, "confidence of the word")
        _draw(grid[:, 1], reliability.utterances, "confidence of the utterance")
    with atomic_open(file, "wb") as stream:
        figure.savefig(stream, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True})


def _draw(axes: Sequence[Axes], calibration: Calibration, what: str) -> None:
    curves, counts = axes
    curves.plot([0, 1], [0, 1], color="0.6", linewidth=1, zorder=0)
    for name, curve in (("raw", calibration.raw), ("calibrated", calibration.calibrated)):
        _draw_curve(curves, name, curve)
    auc = "" if calibration.auc is None else f", AUC {calibration.auc:.3f}"
    curves.set_title(f"{what}{auc}", fontsize="medium")
    curves.set(ylabel="share of words that are right", xlim=(0, 1), ylim=(-0.02, 1.02))
    curves.legend(loc="lower right", frameon=False, fontsize="small")
    _draw_counts(counts, calibration)
    counts.set(xlabel=what, ylabel="words")


def _draw_curve(axes: Axes, name: str, curve: Curve) -> None:
    colour, marker, line = _STYLES[name]
    bins = [b for b in curve.bins if b.count >= _FEWEST]
    axes.errorbar(
        [b.confidence for b in bins],
        [b.right for b in bins],
        yerr=[_half_interval(b) for b in bins],
        color=colour,
        marker=marker,
        linestyle=line,
        markersize=5,
        elinewidth=0.8,
        label=f"{name}{' (held-out folds)' if name == 'calibrated' else ''}, ECE {curve.error:.3f}",
    )


def _half_interval(b: Bin) -> float:
    """Return half a 95 % interval of the right share; two words are added so that a bin of one kind has one too."""
    share = (b.right * b.count + 1) / (b.count + 2)
    return float(_Z95 * (share * (1 - share) / (b.count + 2)) ** 0.5)


def _draw_counts(axes: Axes, calibration: Calibration) -> None:
    for name, curve, shift in (("raw", calibration.raw, -_BAR / 2), ("calibrated", calibration.calibrated, _BAR / 2)):
        places = [(b.low + b.high) / 2 + shift for b in curve.bins]
        axes.bar(places, [b.count for b in curve.bins], width=_BAR, color=_STYLES[name][0])
