"""What a preparation kept and dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.preparing.reasons import Dropped, LeftOut
from xlpl_plugin.data.utterances import UtteranceColumns
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.text.spelling.lexicon import count_words

# by this file a prepared folder is known
REPORT = "prepare.json"
# what a division into parts went by: the corpus itself, speakers and sentences, or sentences alone
BY_CORPUS, BY_SPEAKER, BY_SENTENCE = "corpus", "speaker", "sentence"


@dataclass(frozen=True)
class PartReport:
    """Size of a part; no words where there are no transcripts, no speakers where none is known."""

    part: str
    utterances: int
    minutes: float
    words: int
    word_types: int
    speakers: int = 0


@dataclass(frozen=True)
class PrepareReport(JsonRecord):
    """``prepare.json``. It holds no transcript, only the notes taken out of them.

    Attributes:
        items: utterances that the corpus lists.
        dropped: those that are not in the folder, each with its reason.
        removed_notes: notes in brackets and addresses that the normaliser took out whole.
        cut: recordings that were cut into utterances where speech pauses.
        left_out: stretches of these that are in no utterance.
        linked: recordings that are links to the corpus's own files.
        notes: what the reader should know of the division, of overlaps, of long recordings.
        divided_by: what the division into parts went by; empty: an older folder, which does not say.
        licence: of recordings and transcripts; empty: nobody said.
    """

    language: str
    speller: str
    seed: int
    items: int
    parts: tuple[PartReport, ...]
    dropped: tuple[Dropped, ...]
    dropped_characters: dict[str, int]
    removed_notes: dict[str, int]
    cut: int = 0
    left_out: tuple[LeftOut, ...] = ()
    linked: int = 0
    notes: tuple[str, ...] = ()
    divided_by: str = ""
    licence: str = ""

    holds = "the summary of a prepared folder"
    written_by = "`xlpl prepare`"


def part_report(part: str, manifest: Manifest, speakers: Iterable[str] = ()) -> PartReport:
    """Measure a part; ``speakers`` are those of its utterances, empty where nobody is known."""
    words = count_words(UtteranceColumns.of(manifest.utterances).words or ())
    known = set(speakers) - {""}
    minutes = round(manifest.seconds / 60, 2)
    return PartReport(part, len(manifest.utterances), minutes, words.total(), len(words), len(known))
