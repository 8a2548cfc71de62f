"""Which utterance goes to which part, and what must be said about that."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from xlpl_plugin.data.columns import CodedTexts, RowsOf, TextColumn, different_texts
from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.split import split_by_sentence, split_by_speaker
from xlpl_plugin.data.summary import BY_CORPUS, BY_SENTENCE, BY_SPEAKER

_FEW = "--test 0 --valid 0 leaves the division to you; a corpus's own division is kept by --division corpus"


@dataclass(frozen=True)
class Divisible:
    """What the division of utterances goes by: a value for each.

    Attributes:
        names: their ids.
        sentences: the sentences of each, or its own id where there is no text.
        samples: the length of each.
        speakers: who speaks; empty: not known.
        recordings: what it is a piece of; empty: it is none.
        fixed: the part that the corpus wants it in; empty: none.
    """

    names: Sequence[str]
    sentences: Sequence[Sequence[str]]
    samples: Sequence[int]
    speakers: Sequence[str]
    recordings: Sequence[str]
    fixed: Sequence[str]


@dataclass(frozen=True)
class Division:
    """The part of each utterance, what that went by (``corpus``, ``speaker`` or ``sentence``), and remarks on it."""

    parts: CodedTexts
    by: str
    notes: tuple[str, ...] = ()


def divide(utterances: Divisible, options: PrepareOptions) -> Division:
    """Divide by speaker and sentence; a piece of unknown speaker goes where its recording goes.

    A division of the corpus's own is taken as it is. Where such a division cannot have about the wanted shares,
    sentences alone decide, as they do where nobody is known, and a note says so.

    Raises:
        XlplError: only some utterances have a part of their own, and what shares a sentence has two.
    """
    if all(utterances.fixed):
        parts = CodedTexts(utterances.fixed)
        notes = *_shared_sentences(parts, utterances), *_shared_speakers(parts, utterances)
        return Division(parts, BY_CORPUS, notes)
    shares = {"valid": options.valid, "test": options.test}
    owners = RowsOf(partial(_owner, utterances), range(len(utterances.names)))
    if any(owners) and not any(utterances.fixed):
        found = split_by_speaker(utterances.sentences, owners, utterances.samples, **shares, seed=options.seed)
        if found is not None:
            return Division(found, BY_SPEAKER)
    fixed = utterances.fixed if any(utterances.fixed) else ()
    parts = split_by_sentence(utterances.names, utterances.sentences, **shares, seed=options.seed, fixed=fixed)
    notes = *_shared_speakers(parts, utterances), *_shared_recordings(parts, utterances)
    return Division(parts, BY_SENTENCE, notes)


def _owner(utterances: Divisible, row: int) -> str:
    """Return whose an utterance is: a speaker's, else a recording's; empty: nobody's."""
    if speaker := utterances.speakers[row]:
        return f"speaker {speaker}"
    return f"recording {utterances.recordings[row]}" if utterances.recordings[row] else ""


def _in_two_parts(parts: Sequence[str], traits: Sequence[str], rows: Sequence[int]) -> tuple[int, int]:
    """Return how many traits, each of the utterance in its row, stand in two parts or more, and how many there are."""
    found = different_texts(traits)
    numbers, first = found.numbers.tolist(), found.first.tolist()
    shared = {number for number, row in zip(numbers, rows, strict=True) if parts[row] != parts[rows[first[number]]]}
    return len(shared), len(first)


def _shared_sentences(parts: Sequence[str], utterances: Divisible) -> list[str]:
    rows = array("q", (row for row, own in enumerate(utterances.sentences) for _ in own))
    shared, total = _in_two_parts(parts, TextColumn(chain.from_iterable(utterances.sentences)), rows)
    return [f"the corpus's own division has {shared} of {total} sentences in two parts"] if shared else []


def _shared_speakers(parts: Sequence[str], utterances: Divisible) -> list[str]:
    rows = array("q", (row for row, speaker in enumerate(utterances.speakers) if speaker))
    shared, total = _in_two_parts(parts, RowsOf(utterances.speakers.__getitem__, rows), rows)
    if not shared:
        return []
    if any(utterances.fixed):
        return [f"the corpus's own division has {shared} of {total} speakers in two parts"]
    return [
        f"{shared} of {total} speakers stand in two parts: they are too few for the wanted shares, or too many of them "
        f"say the same sentences, so that sentences alone decide. Results on such a test part are too good. {_FEW}"
    ]


def _shared_recordings(parts: Sequence[str], utterances: Divisible) -> list[str]:
    known = zip(utterances.recordings, utterances.speakers, strict=True)
    rows = array("q", (row for row, (recording, speaker) in enumerate(known) if recording and not speaker))
    shared, total = _in_two_parts(parts, RowsOf(utterances.recordings.__getitem__, rows), rows)
    if not shared:
        return []
    return [
        f"{shared} of {total} recordings have pieces in two parts: they are too few, or too different in length, for "
        "the wanted shares. One person may then stand in both."
    ]
