"""Whether labels that a model makes for itself still say what was spoken, judged without a reference.

A model that learns from its own labels can run away: it falls silent, writes ever more, says the same few letters
again and again, or labels the same audio anew each time. Each shows in counts of the fresh labels. What they were when
the cache was filled is what later ones are compared with.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import zip_longest
from operator import add
from typing import Any

from xlpl_plugin.continuous.options import GuardOptions
from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import check_options

HEALTHY, SUSPECT, COLLAPSED = "healthy", "suspect", "collapsed"

_REMEDY = (
    "Try a larger task.cache_size, a smaller task.replace_prob, more task.labelled_updates to each of "
    "task.unlabelled_updates, task.teacher=ema or a lower optimization.lr."
)
_POOR_START = (
    "Labels were so from the start: give the model more task.warm_up on the labelled part, a better task.init_from, or "
    "labels from a positive task.dec_blank_penalty."
)


@dataclass(frozen=True)
class LabelCounts:
    """What is counted of freshly made labels. ``+`` adds batches and ranks; ``LabelCounts()`` adds nothing."""

    # frames of the log-probs, and those of them whose best unit is the blank
    blank_frames: float = 0
    frames: float = 0
    # units of the labels, and seconds of the audio
    units: float = 0
    seconds: float = 0.0
    # edits between former labels of the same audio and the fresh ones, and units of the former labels
    edits: float = 0
    compared: float = 0
    # how often the labels have each unit, by its index
    used: tuple[float, ...] = ()

    def __add__(self, other: LabelCounts) -> LabelCounts:
        return LabelCounts.from_list([a + b for a, b in zip_longest(self.to_list(), other.to_list(), fillvalue=0.0)])

    def to_list(self) -> list[float]:
        """Return all counts as floats, ``used`` last: lists of one length can be added element by element."""
        counts = (self.blank_frames, self.frames, self.units, self.seconds, self.edits, self.compared, *self.used)
        return [float(count) for count in counts]

    @classmethod
    def from_list(cls, values: Sequence[float]) -> LabelCounts:
        """Return the counts that ``to_list`` wrote."""
        blank_frames, frames, units, seconds, edits, compared, *used = values
        return cls(blank_frames, frames, units, seconds, edits, compared, tuple(used))

    @property
    def blank(self) -> float | None:
        """Share of frames that are blank, in [0, 1]; None without frames."""
        return self.blank_frames / self.frames if self.frames else None

    @property
    def length(self) -> float | None:
        """Units a second; None without audio."""
        return self.units / self.seconds if self.seconds else None

    @property
    def letters(self) -> int:
        """How many different units the labels have."""
        return sum(count > 0 for count in self.used)

    @property
    def effective_letters(self) -> float:
        """How many equally frequent units would be as varied (exp of the entropy); 0 where labels are empty."""
        total = sum(self.used)
        shares = [count / total for count in self.used if count > 0]
        return math.exp(-sum(share * math.log(share) for share in shares)) if shares else 0.0

    @property
    def churn(self) -> float | None:
        """Edits for each unit of the former labels; above 1 where labels have grown. None where none were compared."""
        return self.edits / self.compared if self.compared else None

    def signals(self) -> dict[str, float]:
        """Return the values by their names in the training log, shares in %; a value that is not there is left out."""
        blank, churn = self.blank, self.churn
        values = {
            "pl_blank": None if blank is None else 100 * blank,
            "pl_length": self.length,
            "pl_letters": float(self.letters),
            "pl_effective_letters": self.effective_letters,
            "pl_churn": None if churn is None else 100 * churn,
        }
        return {name: round(value, 3) for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class GuardVerdict:
    """What the guard thinks of the labels, in one of three states, and why (empty where they are healthy)."""

    state: str
    reason: str = ""
    # what was judged, and what the labels were when the cache was filled: values as in ``LabelCounts.signals``
    signals: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)


class CollapseGuard:
    """Watches the fresh labels of a training.

    All ranks must observe the same sums; then all of them come to the same verdict.
    """

    def __init__(self, config: GuardOptions) -> None:
        """Raise ``XlplError`` for a configuration out of range."""
        check_options(config, "task")
        self.config = config
        self._seen = 0
        self._reference = LabelCounts()
        self._recent: deque[LabelCounts] = deque(maxlen=config.guard_window)

    def observe(self, counts: LabelCounts) -> None:
        """Take in a batch of fresh labels (the sum over all ranks)."""
        if self._seen < self.config.guard_window:
            self._reference += counts
        self._seen += 1
        self._recent.append(counts)

    def judge(self) -> GuardVerdict:
        """Check the labels as of now; healthy until the reference is whole, or where the guard is switched off."""
        if self.config.no_guard or self._seen < self.config.guard_window:
            return GuardVerdict(HEALTHY)
        window = list(self._recent)
        latest = window[-math.ceil(len(window) / 3) :]
        for state, batches, limit in ((COLLAPSED, window, 1.0), (SUSPECT, latest, self.config.guard_suspicion)):
            present = _sum(batches)
            symptoms = [*_symptoms(present, self._reference, self.config), *_churned(batches, self.config)]
            for badness, reason in symptoms:  # the plainest first: a silent model also uses few letters
                if badness >= limit:
                    return GuardVerdict(state, reason, present.signals(), self._reference.signals())
        return GuardVerdict(HEALTHY, "", present.signals(), self._reference.signals())

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists, from which the same verdicts follow."""
        return {
            "seen": self._seen,
            "reference": self._reference.to_list(),
            "recent": [counts.to_list() for counts in self._recent],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; one of a larger window keeps its reference and its last batches.

        Raises:
            XlplError: not a state of this guard.
        """
        try:
            seen, reference = int(state["seen"]), LabelCounts.from_list(state["reference"])
            recent = [LabelCounts.from_list(values) for values in state["recent"]]
        except (KeyError, TypeError, ValueError) as error:
            raise XlplError(
                f"the state of the collapse guard cannot be read: {error!r}",
                expected="what CollapseGuard.state_dict wrote",
                remedy="resume from a checkpoint of this training",
            ) from error
        self._seen, self._reference = seen, reference
        self._recent = deque(recent, maxlen=self.config.guard_window)


_Symptom = tuple[float, str]


def _sum(batches: Sequence[LabelCounts]) -> LabelCounts:
    return reduce(add, batches, LabelCounts())


def _symptoms(now: LabelCounts, then: LabelCounts, config: GuardOptions) -> list[_Symptom]:
    """Return how far each signal has gone from healthy (0) to collapsed (1 and above), with the words for it."""
    symptoms: list[_Symptom] = []
    if now.length is not None and then.length is not None:
        symptoms += _lengths(now.length, then.length, config)
    if now.blank is not None and then.blank is not None and then.blank < 1:
        badness = _fallen((1 - now.blank) / (1 - then.blank), config.guard_voiced)
        seen = f"{100 * now.blank:.1f} % of the frames are blank, {100 * then.blank:.1f} % when the cache was filled"
        symptoms.append((badness, f"{seen}: the model is falling silent. {_REMEDY}"))
    if min(sum(now.used), sum(then.used)) >= config.guard_least_units:
        used, before = now.effective_letters, then.effective_letters
        seen = f"the labels are as varied as {used:.1f} equally frequent units, {before:.1f} when the cache was filled"
        words = f"{seen}: the model says the same few units again and again. {_REMEDY}"
        symptoms.append((_fallen(used / before, config.guard_letters), words))
    return symptoms


def _churned(batches: Sequence[LabelCounts], config: GuardOptions) -> list[_Symptom]:
    """As ``_symptoms``, for the changes of labels; of most batches they must be known."""
    known = [counts for counts in batches if counts.compared]
    total = _sum(known)
    if 2 * len(known) <= len(batches) or total.compared < config.guard_least_units:
        return []
    # insertions alone are labels that grow, as those of a model that learns to hear more
    grown = abs(total.units - total.compared)
    changed = (total.edits - grown) / max(total.compared, total.units)
    seen = f"{100 * changed:.0f} % of the units of a label have become others by the time it is replaced"
    return [(changed / config.guard_churn, f"{seen}: the labels do not settle. {_REMEDY}")]


def _lengths(now: float, then: float, config: GuardOptions) -> list[_Symptom]:
    seen = f"the labels have {now:.1f} units a second, {then:.1f} when the cache was filled"
    growth = now / max(then, config.guard_usual_length)
    excess = (growth - 1) / (config.guard_longer - 1), f"{seen}: the model writes far more than is spoken. {_REMEDY}"
    silence = config.guard_silent / now if now else math.inf
    if then <= config.guard_silent:
        return [excess, (silence, f"{seen}: the model says next to nothing. {_POOR_START}")]
    words = f"{seen}: the model has nearly fallen silent. {_REMEDY}"
    return [excess, (max(silence, _fallen(now / then, config.guard_shorter)), words)]


def _fallen(factor: float, limit: float) -> float:
    """Return how much of the way from 1 down to ``limit`` a factor has gone."""
    return (1 - factor) / (1 - limit)
