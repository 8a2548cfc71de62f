"""How labels were made (provenance.json), whether one acoustic model made them or several by vote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xlpl_plugin.labelling.filtering.filters import FilterRow
from xlpl_plugin.shards.store import PROVENANCE_FILE, ShardStore


@dataclass(frozen=True)
class LabelSummary:
    """What ``label`` did: utterances, those kept, and what each filter removed."""

    utterances: int
    kept: int
    seconds: float
    kept_seconds: float
    words: int
    filters: tuple[FilterRow, ...]


@dataclass(frozen=True)
class Tally:
    """A voter.

    Attributes:
        won: how often its label was chosen.
        trust: what its labels counted: the mean confidence.
        unspelled: labels that could not be chosen, since the first voter's units cannot write a word of theirs.
    """

    won: int
    trust: float
    unspelled: int = 0


@dataclass(frozen=True)
class Times:
    """Seconds that labels took, and CPU seconds of the decoder's search among them."""

    seconds: float
    search_seconds: float


@dataclass(frozen=True)
class LabelFacts:
    """What is known beside the settings; None where labels are not finished, or not made that way.

    Attributes:
        config: the ``LabelConfig`` or ``VoteConfig``.
        units: of the acoustic model, the blank first.
        words_left_out: words that the units cannot write, or that the decoder had no room for.
        voters: of labels by vote: folder of a voter's labels -> its tally.
        reasons: the labels left out, counted by the first word of the reason.
        filter: all that decides which labels are kept.
    """

    config: Mapping[str, Any]
    units: tuple[str, ...] | None = None
    words_left_out: int | None = None
    voters: Mapping[str, Tally] | None = None
    reasons: Mapping[str, int] | None = None
    times: Times | None = None
    filter: Mapping[str, Any] | None = None
    summary: LabelSummary | None = None


LabelStore = ShardStore[LabelFacts]


def read_facts(folder: str | Path) -> LabelFacts | None:
    """Return what is known of the labels in ``folder``; None without a provenance.json.

    Raises:
        XlplError: it is that of something else.
    """
    store = _store(folder)
    return store.facts if store else None


def decoded_with(folder: str | Path) -> Mapping[str, Any] | None:
    """Return the decoder's options of the labels in ``folder``, lexicon and LM by their hashes; None if not known.

    Those of labels by vote are the first voter's: a run's voters share lexicon and LM.
    """
    if not (store := _store(folder)):
        return None
    settings: Mapping[str, Any] = store.settings
    while "voters" in settings:
        settings = next(iter(settings["voters"].values()))["settings"]
    options: Mapping[str, Any] = settings["decoder"]
    return options


def _store(folder: str | Path) -> LabelStore | None:
    return ShardStore.existing(folder, LabelFacts) if (Path(folder) / PROVENANCE_FILE).exists() else None
