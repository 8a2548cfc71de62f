"""What a preparation kept and dropped, for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tabulate import tabulate

from xlpl_plugin.data.manifest import Manifest


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
class PrepareReport:
    """The content of prepare.json. It holds no transcript, only the notes taken out of them."""

    language: str
    speller: str
    seed: int
    items: int
    parts: list[PartReport]
    dropped: list[Dropped]
    dropped_characters: dict[str, int]
    # notes in brackets and addresses that the normaliser took out whole
    removed_notes: dict[str, int]

    def table(self) -> str:
        """Return the parts and the reasons for dropping as text."""
        sizes = tabulate(
            [(p.part, p.utterances, p.minutes, p.words, p.word_types) for p in self.parts],
            headers=("part", "utterances", "minutes", "words", "word types"),
            floatfmt=".1f",
        )
        counts = Counter(drop.reason for drop in self.dropped)
        examples = {drop.reason: drop.id for drop in reversed(self.dropped)}
        reasons = tabulate(
            [(reason, count, examples[reason]) for reason, count in counts.most_common()],
            headers=("dropped because", "files", "such as"),
        )
        characters = " ".join(f"{character!r}:{count}" for character, count in self.dropped_characters.items())
        said = (
            sizes,
            reasons if counts else "",
            characters and f"dropped characters: {characters}",
            f"removed notes: {sum(self.removed_notes.values())}" if self.removed_notes else "",
        )
        return "\n\n".join(filter(None, said))


def part_report(part: str, manifest: Manifest) -> PartReport:
    words = [word for utterance in manifest.utterances for word in (utterance.words or "").split()]
    return PartReport(part, len(manifest.utterances), round(manifest.seconds / 60, 2), len(words), len(set(words)))
