"""Dividing utterances into train, valid and test so that no sentence is in two parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

PARTS = ("train", "valid", "test")


def split_by_sentence(
    sentences: Mapping[str, Sequence[str]],
    *,
    valid: float,
    test: float,
    seed: int,
    train_only: AbstractSet[str] = frozenset(),
) -> dict[str, str]:
    """Assign each id a part; ids that share a sentence, directly or through others, get the same one.

    The part follows from a hash of the text, so it stays the same when other utterances come or go.

    Args:
        sentences: id -> its sentences (its own id where there is no text).
        valid, test: expected shares, each >= 0, together < 1.
        train_only: ids that, with all that share a sentence with them, go to train.
    """
    groups = _connected(sentences)
    forced = {groups[name] for name in train_only if name in groups}
    return {
        name: "train" if key in forced else _draw(key, valid=valid, test=test, seed=seed)
        for name, key in groups.items()
    }


def _draw(key: str, *, valid: float, test: float, seed: int) -> str:
    digest = hashlib.sha256(f"{seed}\t{key}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < test:
        return "test"
    return "valid" if position < test + valid else "train"


def _connected(sentences: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return id -> the first sentence, in alphabetical order, of the group that it is connected with."""
    parent: dict[str, str] = {}

    def root(sentence: str) -> str:
        parent.setdefault(sentence, sentence)
        while parent[sentence] != sentence:
            parent[sentence] = parent[parent[sentence]]
            sentence = parent[sentence]
        return sentence

    for own in sentences.values():
        for sentence in own[1:]:
            first, second = sorted((root(own[0]), root(sentence)))
            parent[second] = first
    return {name: root(own[0]) for name, own in sentences.items()}
