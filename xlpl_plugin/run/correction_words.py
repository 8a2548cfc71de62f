"""What a run says of the transcripts that a person gave it."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.run.corrected_data import CorrectedTable, CorrectionsRecord
from xlpl_plugin.text_table import counted

# of words that the decoder cannot write, so many are named
_NAMED = 10


def told_of_corrections(tables: Sequence[CorrectedTable]) -> str:
    """Return in words how much a person corrected and since when; nothing where nobody did."""
    if not tables:
        return ""
    utterances, words, minutes = size_of(tables)
    since = ", ".join(f"{one.file} from round {one.from_round} on" for one in tables)
    return (
        f"not unsupervised: a person transcribed {utterances} of the audio that students learn from "
        f"({minutes:.1f} minutes, {words}: {since})"
    )


def size_of(tables: Sequence[CorrectedTable]) -> tuple[str, str, float]:
    """Return utterances and words in words, and minutes of audio."""
    utterances = counted(sum(one.utterances for one in tables), "utterance")
    return utterances, counted(sum(one.words for one in tables), "word"), sum(one.minutes for one in tables)


def told_of_record(record: CorrectionsRecord) -> str:
    """Return what became of the labels of a student, and which words only the student learns."""
    told = (
        f"{told_of_corrections(record.tables)}; {counted(record.replaced, 'label')} replaced, "
        f"{counted(record.added, 'utterance')} without a label added, {counted(record.removed, 'label')} taken out "
        "where nothing is said"
    )
    unknown = told_of_unknown_words(record)
    return f"{told}\n{unknown}\n  to do: {_REMEDY}" if unknown else told


_REMEDY = (
    "'xlpl prepare text' takes the table beside the text (--field transcript); with the lexicon and LM of both, a new "
    "run can begin from this round's model (source.checkpoint)"
)


def told_of_unknown_words(record: CorrectionsRecord) -> str:
    """Return which words of transcripts the decoder cannot write; nothing where it can write all."""
    words = list(record.unknown_words)
    if not words:
        return ""
    named = ", ".join(words[:_NAMED]) + (", ..." if len(words) > _NAMED else "")
    times, are = counted(sum(record.unknown_words.values()), "time"), "is" if len(words) == 1 else "are"
    return (
        f"{counted(len(words), 'word')} of the transcripts ({times}) {are} not in the decoder's lexicon: {named}. "
        "Students learn their sounds, the decoder writes other words for them."
    )
