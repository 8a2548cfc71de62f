"""What a corpus lists: one utterance to prepare, as its reader found it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance to prepare: a whole recording, or a stretch of one.

    A reader does not look whether the audio is there: what is missing, empty or unreadable is for
    ``data/prepare.py`` to decide, by one policy.
    """

    id: str
    audio: Path
    # the raw transcript; None where the corpus has none for it
    text: str | None = None
    # the part it must go to, where that is decided already: the corpus's own division, or a transcript too uncertain
    # to judge by, which is for train only
    part: str = ""
    # who speaks, by the corpus's name for the person; empty: not known
    speaker: str = ""
    # seconds in the recording; no end: as far as it goes
    start: float = 0.0
    end: float | None = None
    # which channel, from 0; None: the mean of all
    channel: int | None = None
