"""What a preparation kept and dropped."""

from __future__ import annotations

from dataclasses import dataclass

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.json_record import JsonRecord


@dataclass(frozen=True)
class Dropped:
    id: str
    reason: str


@dataclass(frozen=True)
class PartReport:
    """Size of a part; no words where there are no transcripts."""

    part: str
    utterances: int
    minutes: float
    words: int
    word_types: int


@dataclass(frozen=True)
class PrepareReport(JsonRecord):
    """``prepare.json``. It holds no transcript, only the notes taken out of them."""

    language: str
    speller: str
    seed: int
    items: int
    parts: tuple[PartReport, ...]
    dropped: tuple[Dropped, ...]
    dropped_characters: dict[str, int]
    # notes in brackets and addresses that the normaliser took out whole
    removed_notes: dict[str, int]

    holds = "the summary of a prepared folder"
    written_by = "`xlpl prepare`"


def part_report(part: str, manifest: Manifest) -> PartReport:
    words = [word for utterance in manifest.utterances for word in (utterance.words or "").split()]
    return PartReport(part, len(manifest.utterances), round(manifest.seconds / 60, 2), len(words), len(set(words)))
