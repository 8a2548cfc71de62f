"""Digests of sentences that were there before, and the side that a sentence is on."""

from __future__ import annotations

import random

from xlpl_plugin.text.corpus.seen import SeenDigests, are_held_out, as_numbers, digest


def test_seen_as_a_set_says() -> None:
    drawn = random.Random(1)
    seen, expected = SeenDigests(), set()
    for _ in range(200):
        sentences = [str(drawn.randrange(3000)) for _ in range(drawn.randrange(60))]
        fresh = seen.add(as_numbers(b"".join(map(digest, sentences)))).tolist()
        for sentence, new in zip(sentences, fresh, strict=True):
            assert new is (sentence not in expected)
            expected.add(sentence)
    assert len(seen) == len(expected)
    assert len(seen._runs) < 15


def test_the_side_is_as_it_was_in_earlier_versions() -> None:
    """Text that was prepared before must not change its sides."""
    digests = as_numbers(b"".join(digest(f"frase {n}") for n in range(20)))
    assert [n for n, held in enumerate(are_held_out(digests, 0.2)) if held] == [3, 4, 12, 14, 19]
    assert not are_held_out(digests, 0).any()
