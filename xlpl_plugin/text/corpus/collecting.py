"""Normalised pieces, in order, to the files of different sentences and the counts."""

from __future__ import annotations

from collections import Counter
from typing import IO

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.corpus.normalizing import Normalized
from xlpl_plugin.text.corpus.seen import SeenDigests, are_held_out, as_numbers
from xlpl_plugin.text.corpus.text_report import TextReport
from xlpl_plugin.text.documents.source import Unreadable
from xlpl_plugin.text.identifying import SentenceSample, other_languages

DUPLICATE = "duplicate"


class Collector:
    """Writes each different sentence once, as the pieces come; memory grows by 8 bytes for each, and with the words.

    Args:
        text, heldout: where the sentences go, one a line.
        fraction: of the different sentences, for ``heldout``.
        skip_unreadable: leave out what cannot be read, with the reason.
    """

    def __init__(self, text: IO[str], heldout: IO[str], fraction: float, *, skip_unreadable: bool) -> None:
        self._files = (text, heldout)
        self._fraction = fraction
        self._skip = skip_unreadable
        self._seen = SeenDigests()
        self._forms: Counter[str] = Counter()
        self._document = ""
        self._unreadable: dict[str, str] = {}
        self._sentences, self._words = [0, 0], [0, 0]
        self._types: set[str] = set()
        self._left_out: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._removed = 0
        self._sample = SentenceSample()

    @property
    def kept(self) -> int:
        """How many sentences were written, held out ones too."""
        return sum(self._sentences)

    @property
    def found(self) -> int:
        """How many sentences came, left out ones too."""
        return self.kept + self._left_out.total()

    def refuse_nothing(self) -> None:
        """Raise ``XlplError`` where no sentence was written, with the reasons."""
        if not self.kept:
            counts = ", ".join(f"{count} {reason}" for reason, count in self._left_out.most_common())
            raise XlplError(
                f"no sentence left of {self.found}" + (f": {counts}" if counts else ""),
                expected="sentences in the language, written out",
                remedy="give more text; docs/languages.md says which numbers and scripts are read, and how rules of "
                "your own (--rules) read more",
            )

    def add(self, piece: Normalized | Unreadable) -> None:
        """Write the sentences of a piece that are new.

        Raises:
            XlplError: the piece cannot be read, and is not to be skipped.
        """
        if isinstance(piece, Unreadable):
            if not self._skip:
                raise piece.error
            self._unreadable[piece.name] = str(piece.error)
        elif piece.source.name not in self._unreadable:  # what follows a fault is not read
            self._add(piece)

    def _add(self, piece: Normalized) -> None:
        self._forms[piece.source.form] += piece.source.name != self._document
        self._document = piece.source.name
        self._left_out.update(piece.left_out)
        self._dropped.update(piece.dropped)
        self._removed += piece.removed
        digests = as_numbers(piece.digests)
        fresh = self._seen.add(digests)
        for sentence, new, side in zip(
            piece.sentences, fresh.tolist(), are_held_out(digests, self._fraction).tolist(), strict=True
        ):
            if new:
                self._write(sentence, side)
        if duplicates := len(fresh) - int(fresh.sum()):
            self._left_out[DUPLICATE] += duplicates

    def _write(self, sentence: str, held_out: bool) -> None:
        words = sentence.split()
        self._files[held_out].write(f"{sentence}\n")
        self._sentences[held_out] += 1
        self._words[held_out] += len(words)
        self._sample.add(sentence)
        if not held_out:
            self._types.update(words)

    def report(self, language: str, passed_over: Counter[str]) -> TextReport:
        """Return what was found and left out."""
        return TextReport(
            language=language,
            documents=self._forms.total(),
            forms=dict(self._forms.most_common()),
            sentences=self._sentences[0],
            words=self._words[0],
            types=len(self._types),
            heldout_sentences=self._sentences[1],
            heldout_words=self._words[1],
            left_out=dict(self._left_out.most_common()),
            passed_over=dict(passed_over.most_common()),
            unreadable=self._unreadable,
            dropped_characters=dict(self._dropped.most_common()),
            removed_notes=self._removed,
            other_languages=other_languages(self._sample.sentences, language),
        )
