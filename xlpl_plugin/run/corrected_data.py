"""Labels of which some gave way to a person's transcripts, for a student to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.utterances import Utterance, utterance_id
from xlpl_plugin.files import sha256
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.run.config import CorrectionsConfig
from xlpl_plugin.run.corrections import HumanTranscript, language_of, read_transcripts, refuse_rows
from xlpl_plugin.run.plan.steps import CollectCorrected
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text.spelling.lexicon import Lexicon, read_lexicon
from xlpl_plugin.text.spelling.respelling import LexiconSpeller
from xlpl_plugin.text.spelling.speller import Spelling

CORRECTIONS_FILE = "corrections.json"


@dataclass(frozen=True)
class CorrectedTable:
    """What a run learned from one table of corrections; an utterance in several tables counts in the last one.

    Attributes:
        file: its name, without folders.
        from_round: the first round whose student learned from it.
        minutes: of audio.
    """

    file: str
    sha256: str
    from_round: int
    utterances: int
    words: int
    minutes: float


@dataclass(frozen=True)
class CorrectionsRecord(JsonRecord):
    """``corrections.json``: what a person wrote of a student's data.

    Attributes:
        tables: in their order.
        replaced: labels that gave way to a transcript.
        added: transcripts of utterances without a label, such as one that a filter had left out.
        removed: labels of utterances in which nothing is said.
        unknown_words: words that the decoder's lexicon lacks, with their counts, the commonest first.
    """

    tables: tuple[CorrectedTable, ...]
    replaced: int
    added: int
    removed: int
    unknown_words: Mapping[str, int]

    holds = "the record of a person's corrections"
    written_by = "`xlpl iterate`"


@dataclass
class Corrector:
    """Puts transcripts into the parts of a student's data, and keeps count."""

    corrections: Sequence[CorrectionsConfig]
    transcripts: Mapping[str, HumanTranscript]
    lexicon: Lexicon
    units: Sequence[str]
    language: str
    _done: list[tuple[Utterance, HumanTranscript]] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _unknown: Counter[str] = field(default_factory=Counter)

    def correct(self, labels: Manifest, recordings: Manifest, *, weighted: bool) -> Manifest:
        """Return the labels of a part, in the order of its recordings, with every transcript that belongs there.

        Args:
            recordings: all of the part, labelled or not.
            weighted: whether a transcript counts by its weight, else as a label.

        Raises:
            XlplError: a word that cannot be written in the units of the acoustic model.
        """
        # a recording may be there in several stretches
        kept = {name: list(rows) for name, rows in groupby(labels.utterances, lambda row: utterance_id(row.path))}
        rows: list[Utterance] = []
        for recording in recordings.utterances:
            label, transcript = kept.get(recording.id, []), self.transcripts.get(recording.id)
            if transcript is None:
                rows += label
            elif row := self._row(recording, bool(label), transcript, weighted):
                rows.append(row)
        return replace(labels, utterances=tuple(rows))

    def _row(
        self, recording: Utterance, labelled: bool, transcript: HumanTranscript, weighted: bool
    ) -> Utterance | None:
        self._done.append((recording, transcript))
        if not transcript.words:
            self._counts["removed"] += labelled
            return None
        self._counts["replaced" if labelled else "added"] += 1
        units = " ".join(unit for word in transcript.words.split() for unit in self._spell(word, recording, transcript))
        weight = transcript.told_by.weight if weighted else 1.0
        return replace(recording, words=transcript.words, units=units, weight=weight)

    def _spell(self, word: str, recording: Utterance, transcript: HumanTranscript) -> Spelling:
        if word not in self.lexicon:
            self._unknown[word] += 1
        found = self._speller.spell(word)
        refuse_rows(
            transcript.told_by.file,
            {} if found else {recording.id: f"the acoustic model has no units for {word!r}"},
            expected="words that can be written in the units of dict.ltr.txt",
            remedy="write the word as it is spoken, or take the row out",
        )
        return found[0]

    @cached_property
    def _speller(self) -> LexiconSpeller:
        return LexiconSpeller(self.lexicon, self.units, self.language)

    def record(self) -> CorrectionsRecord:
        """Return what was done so far."""
        return CorrectionsRecord(
            tables=tuple(self._table(entry) for entry in self.corrections),
            **{name: self._counts[name] for name in ("replaced", "added", "removed")},
            unknown_words=dict(sorted(self._unknown.items(), key=lambda item: (-item[1], item[0]))),
        )

    def _table(self, entry: CorrectionsConfig) -> CorrectedTable:
        done = [(utterance, one) for utterance, one in self._done if one.told_by is entry]
        return CorrectedTable(
            file=Path(entry.file).name,
            sha256=sha256(entry.file),
            from_round=entry.from_round,
            utterances=len(done),
            words=sum(len(one.words.split()) for _, one in done),
            minutes=round(sum(utterance.seconds for utterance, _ in done) / 60, 2),
        )


def make_corrector(step: CollectCorrected, units: Sequence[str]) -> Corrector:
    """Return the corrector of a step, which spells as the decoder's lexicon does, in the ``units`` of the labels."""
    return Corrector(
        step.corrections,
        read_transcripts(step.corrections, step.data),
        read_lexicon(step.lexicon) if step.lexicon else Lexicon({}),
        units,
        find_language(language_of(step.corrections[-1], step.data)).base,
    )
