"""What ``prepare text`` found and left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.text.identifying import OtherLanguages

TEXT_REPORT = "report.json"


@dataclass(frozen=True)
class TextReport(JsonRecord):
    """``report.json``; counts are of sentences unless it says otherwise.

    Attributes:
        forms: form -> number of documents.
        left_out: reason -> number.
        passed_over: suffix -> files of unknown form in folders and archives.
        unreadable: document -> why nothing more was read of it.
        dropped_characters: characters that are not spoken -> how often.
        removed_notes: notes in brackets and addresses, taken out whole.
        other_languages: of a sample of what was kept, the sentences that seem to be in another language.
    """

    language: str
    documents: int
    forms: dict[str, int]
    sentences: int
    words: int
    types: int
    heldout_sentences: int
    heldout_words: int
    left_out: dict[str, int]
    passed_over: dict[str, int]
    unreadable: dict[str, str]
    dropped_characters: dict[str, int]
    removed_notes: int
    other_languages: OtherLanguages = field(default_factory=OtherLanguages)

    holds = "the report of a prepared text"
    written_by = "`xlpl prepare text`"
