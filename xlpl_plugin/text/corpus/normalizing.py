"""What a worker does: pieces of documents to normalised sentences, with what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.corpus.exclusion import Exclusion
from xlpl_plugin.text.corpus.seen import digest
from xlpl_plugin.text.documents.forms import blocks_of
from xlpl_plugin.text.documents.sentences import split_sentences
from xlpl_plugin.text.documents.source import DocumentPiece, Source, Unreadable
from xlpl_plugin.text.identifying import Identifier
from xlpl_plugin.text.normalizer import Normalizer

SHARED = "shared with transcripts"
Job = Sequence[DocumentPiece | Unreadable]


@dataclass(frozen=True)
class Normalized:
    """The sentences of a piece.

    Attributes:
        digests: eight bytes for each sentence, joined.
        left_out: reason -> number of sentences.
        dropped: characters that are not spoken -> how often.
        removed: number of notes in brackets and addresses that were taken out whole.
    """

    source: Source
    sentences: list[str]
    digests: bytes
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    removed: int = 0


class PieceNormalizer:
    """Normalises pieces of documents; each worker has one."""

    def __init__(self, language: str, rules: Path | None, transcripts: Sequence[str], *, identify: bool) -> None:
        self._normalizer = Normalizer(language, rules)
        self._excluded = Exclusion(transcripts)
        self._identifier = Identifier(language) if identify else None

    def __call__(self, job: Job) -> list[Normalized | Unreadable]:
        """Return for each piece its sentences, or why it cannot be read."""
        return [piece if isinstance(piece, Unreadable) else self._readable(piece) for piece in job]

    def _readable(self, piece: DocumentPiece) -> Normalized | Unreadable:
        self._normalizer.dropped.clear()
        self._normalizer.removed.clear()
        try:
            return self._normalized(piece)
        except XlplError as error:
            return Unreadable(piece.source.name, error)

    def _normalized(self, piece: DocumentPiece) -> Normalized:
        sentences: list[str] = []
        left_out: Counter[str] = Counter()
        for block in blocks_of(piece):
            for sentence in split_sentences(block):
                spoken = self._normalizer.spoken(sentence)
                problem = spoken.problem or self._problem(spoken.words)
                if problem:
                    left_out[problem] += 1
                else:
                    sentences.append(spoken.words)
        digests = b"".join(map(digest, sentences))
        dropped, removed = Counter(self._normalizer.dropped), self._normalizer.removed.total()
        return Normalized(piece.source, sentences, digests, left_out, dropped, removed)

    def _problem(self, words: str) -> str:
        if words in self._excluded:
            return SHARED
        other = self._identifier.other_language(words) if self._identifier else ""
        return f"in another language ({other})" if other else ""


# one a process; see `concurrency.stream_map`
_worker: Callable[[Job], list[Normalized | Unreadable]]


def start(language: str, rules: Path | None, transcripts: Sequence[str], identify: bool) -> None:
    """Make the normaliser of this process."""
    global _worker
    _worker = PieceNormalizer(language, rules, transcripts, identify=identify)


def normalize(job: Job) -> list[Normalized | Unreadable]:
    """Normalise the pieces of a job with the normaliser of this process."""
    return _worker(job)
