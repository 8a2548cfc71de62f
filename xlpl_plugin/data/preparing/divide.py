"""Which utterance goes to which part, and what must be said about that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern

from xlpl_plugin.data.preparing.settings import PrepareOptions
from xlpl_plugin.data.split import split_by_sentence, split_by_speaker
from xlpl_plugin.data.summary import BY_CORPUS, BY_SENTENCE, BY_SPEAKER

_FEW = "--test 0 --valid 0 leaves the division to you; a corpus's own division is kept by --division corpus"


@dataclass(frozen=True)
class Divisible:
    """What the division of utterances goes by, each by the utterance's id.

    Attributes:
        sentences: its sentences, or its own id where there is no text.
        samples: its length.
        speakers: who speaks, where that is known.
        recordings: what it is a piece of, where it is one.
        fixed: the part that the corpus wants it in.
    """

    sentences: Mapping[str, Sequence[str]]
    samples: Mapping[str, int]
    speakers: Mapping[str, str]
    recordings: Mapping[str, str]
    fixed: Mapping[str, str]


@dataclass(frozen=True)
class Division:
    """The part of each utterance, what that went by (``corpus``, ``speaker`` or ``sentence``), and remarks on it."""

    parts: Mapping[str, str]
    by: str
    notes: tuple[str, ...] = ()


def divide(utterances: Divisible, options: PrepareOptions) -> Division:
    """Divide by speaker and sentence; a piece of unknown speaker goes where its recording goes.

    A division of the corpus's own is taken as it is. Where such a division cannot have about the wanted shares,
    sentences alone decide, as they do where nobody is known, and a note says so.

    Raises:
        XlplError: only some utterances have a part of their own, and what shares a sentence has two.
    """
    if utterances.fixed.keys() == utterances.sentences.keys():
        parts = dict(utterances.fixed)
        notes = *_shared_sentences(parts, utterances), *_shared_speakers(parts, utterances)
        return Division(parts, BY_CORPUS, notes)
    shares = {"valid": options.valid, "test": options.test}
    owners = _owners(utterances)
    if owners and not utterances.fixed:
        found = split_by_speaker(utterances.sentences, owners, utterances.samples, **shares, seed=options.seed)
        if found is not None:
            return Division(found, BY_SPEAKER)
    parts = split_by_sentence(utterances.sentences, **shares, seed=options.seed, fixed=utterances.fixed)
    notes = *_shared_speakers(parts, utterances), *_shared_recordings(parts, utterances)
    return Division(parts, BY_SENTENCE, notes)


def _owners(utterances: Divisible) -> dict[str, str]:
    # one text for all that have the same owner
    recordings = {name: intern(f"recording {of}") for name, of in utterances.recordings.items()}
    return recordings | {name: intern(f"speaker {of}") for name, of in utterances.speakers.items()}


def _in_two_parts(parts: Mapping[str, str], traits: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Return how many traits (id, trait) stand in two parts or more, and how many there are."""
    where: dict[str, set[str]] = defaultdict(set)
    for name, trait in traits:
        where[trait].add(parts[name])
    return sum(len(found) > 1 for found in where.values()), len(where)


def _shared_sentences(parts: Mapping[str, str], utterances: Divisible) -> list[str]:
    traits = ((name, sentence) for name, own in utterances.sentences.items() for sentence in own)
    shared, total = _in_two_parts(parts, traits)
    return [f"the corpus's own division has {shared} of {total} sentences in two parts"] if shared else []


def _shared_speakers(parts: Mapping[str, str], utterances: Divisible) -> list[str]:
    shared, total = _in_two_parts(parts, utterances.speakers.items())
    if not shared:
        return []
    if utterances.fixed:
        return [f"the corpus's own division has {shared} of {total} speakers in two parts"]
    return [
        f"{shared} of {total} speakers stand in two parts: they are too few for the wanted shares, or too many of them "
        f"say the same sentences, so that sentences alone decide. Results on such a test part are too good. {_FEW}"
    ]


def _shared_recordings(parts: Mapping[str, str], utterances: Divisible) -> list[str]:
    unknown = [(name, of) for name, of in utterances.recordings.items() if name not in utterances.speakers]
    shared, total = _in_two_parts(parts, unknown)
    if not shared:
        return []
    return [
        f"{shared} of {total} recordings have pieces in two parts: they are too few, or too different in length, for "
        "the wanted shares. One person may then stand in both."
    ]
