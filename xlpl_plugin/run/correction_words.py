"""What a run says of the transcripts that a person gave it."""

from __future__ import annotations

from collections.abc import Sequence

from xlpl_plugin.run.corrected_data import CorrectedTable, CorrectionsRecord

# of words that the decoder cannot write, so many are named
_NAMED = 10


def told_of_corrections(tables: Sequence[CorrectedTable]) -> str:
    """Return in words how much a person corrected and since when; nothing where nobody did."""
    if not tables:
        return ""
    utterances, words, minutes = (sum(getattr(one, name) for one in tables) for name in _SIZES)
    since = ", ".join(f"{one.file} from round {one.from_round} on" for one in tables)
    return (
        f"not unsupervised: a person transcribed {utterances} utterances of the audio that students learn from "
        f"({minutes:.1f} minutes, {words} words: {since})"
    )


_SIZES = ("utterances", "words", "minutes")


def told_of_record(record: CorrectionsRecord) -> str:
    """Return what became of the labels of a student, and which words only the student learns."""
    told = (
        f"{told_of_corrections(record.tables)}; {record.replaced} labels replaced, {record.added} utterances added "
        f"that had none, {record.removed} labels taken out, since nothing is said there"
    )
    return f"{told}\n{_unknown(record)}" if record.unknown_words else told


def _unknown(record: CorrectionsRecord) -> str:
    words = list(record.unknown_words)
    named = ", ".join(words[:_NAMED]) + (", ..." if len(words) > _NAMED else "")
    return (
        f"{len(words)} words of the transcripts ({sum(record.unknown_words.values())} times) are not in the decoder's "
        f"lexicon: {named}. The student learns their sounds, the decoder writes other words for them.\n"
        "  to do: 'xlpl prepare text' takes the table beside the text (--field transcript); with the lexicon and LM of "
        "both a new run can begin from this round's model (source.checkpoint)"
    )
