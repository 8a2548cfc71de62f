"""What is said in a recording, and when."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from xlpl_plugin.labelling.join_pieces import Word

__all__ = ["Alternative", "SpokenPiece", "Transcript", "Word"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another reading of a piece, and its score (the decoder's, natural log; only its differences mean something)."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A piece of a recording that was heard by itself.

    Attributes:
        start, end: seconds from the beginning of the recording.
        text: native-script words between spaces; empty where none was recognised.
        confidence: how sure the model is of it, 0 to 1; it ranks, it is not the share of words that is right.
        words: the same words with their times.
        alternatives: the other readings, best first; none where the decoder gives one alone.
    """

    start: float
    end: float
    text: str
    confidence: float
    words: tuple[Word, ...] = ()
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in one recording.

    Attributes:
        name: the path as it was given; ``array-1`` for the first of a call where samples were given.
        seconds: duration of the recording; 0 where it could not be read.
        utterances: the pieces that hold speech, in order; a recording of up to 30 seconds is one piece.
        error: what could not be had, and why; empty where nothing is missing.
    """

    name: str
    seconds: float
    utterances: tuple[SpokenPiece, ...] = ()
    error: str = ""

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.utterances if piece.text)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(chain.from_iterable(piece.words for piece in self.utterances))

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """Other readings of the whole; none for what was heard in several pieces."""
        return self.utterances[0].alternatives if len(self.utterances) == 1 else ()
