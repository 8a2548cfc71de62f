"""Why a recording, or a stretch of one, is not in a prepared folder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """What a preparation itself leaves out. Transcripts that cannot be used have the normaliser's words for it."""

    MISSING = "missing"
    EMPTY = "zero-length file"
    UNREADABLE = "unreadable"
    NO_TRANSCRIPT = "no transcript"
    TOO_SHORT = "too short"
    SILENT = "silent"
    IMPLAUSIBLE = "implausible letters a second"
    BEYOND_END = "ends after its recording"
    NO_SPEECH = "no speech"

    @property
    def sentence(self) -> str:
        """What it means."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.MISSING: "There is no such file.",
    Reason.EMPTY: "The file has no content.",
    Reason.UNREADABLE: "The file cannot be decoded, or not to its end.",
    Reason.NO_TRANSCRIPT: "Other recordings of the corpus have a transcript, this one has none.",
    Reason.TOO_SHORT: "It lasts less than --min-seconds.",
    Reason.SILENT: "It is nowhere louder than the noise of a converter (60 dB below full scale, on average).",
    Reason.IMPLAUSIBLE: "The transcript has too many or too few letters for so long a recording.",
    Reason.BEYOND_END: "The segment ends after the recording that it is a part of.",
    Reason.NO_SPEECH: "The stretch holds no speech: silence, music or noise.",
}


@dataclass(frozen=True, slots=True)
class Dropped:
    """An id that is left out; the detail says more, such as what a decoder said."""

    id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Stretches of recordings that were cut into pieces, in none of them."""

    reason: str
    stretches: int
    seconds: float
