"""Dividing utterances into train, valid and test so that no sentence is in two parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from xlpl_plugin.errors import XlplError

PARTS = ("train", "valid", "test")


def split_by_sentence(
    sentences: Mapping[str, Sequence[str]],
    *,
    valid: float,
    test: float,
    seed: int,
    fixed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Assign each id a part; ids that share a sentence, directly or through others, get the same one.

    The part follows from a hash of the text, so it stays the same when other utterances come or go.

    Args:
        sentences: id -> its sentences (its own id where there is no text).
        valid, test: expected shares, each >= 0, together < 1.
        fixed: id -> the part that it, and all that share a sentence with it, must go to.

    Raises:
        XlplError: ids that share a sentence are fixed to different parts.
    """
    groups = _connected(sentences)
    forced: dict[str, str] = {}
    for name, part in fixed.items():
        if forced.setdefault(groups[name], part) != part:
            raise XlplError(
                f"{name}: fixed to {part}, and what shares a sentence with it to {forced[groups[name]]}",
                expected="one part for all that share a sentence",
            )
    return {name: forced.get(key) or draw_part(key, valid=valid, test=test, seed=seed) for name, key in groups.items()}


def draw_part(sentence: str, *, valid: float, test: float, seed: int) -> str:
    """Return the part of a sentence that stands alone, by its hash."""
    digest = hashlib.sha256(f"{seed}\t{sentence}".encode()).digest()
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
