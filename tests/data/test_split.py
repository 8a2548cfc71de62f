"""Division into parts: no sentence in two of them, and no change when other utterances come or go."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.data.split import split_by_sentence

WORDS = st.sampled_from([f"sentence {n}" for n in range(12)])
CORPORA = st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(CORPORA, st.integers(0, 5))
def test_no_sentence_is_in_two_parts(corpus: list[list[str]], seed: int) -> None:
    sentences = {str(number): own for number, own in enumerate(corpus)}
    parts = split_by_sentence(sentences, valid=0.3, test=0.3, seed=seed)
    assert parts.keys() == sentences.keys()
    where: dict[str, set[str]] = {}
    for name, own in sentences.items():
        for sentence in own:
            where.setdefault(sentence, set()).add(parts[name])
    assert all(len(found) == 1 for found in where.values())


def test_uncertain_utterances_draw_their_sentences_into_train() -> None:
    sentences = {"sure": ["thank you", "goodbye"], "unsure": ["goodbye"], "other": ["hello"]}
    for seed in range(20):
        parts = split_by_sentence(sentences, valid=0.0, test=0.99, seed=seed, train_only={"unsure"})
        assert (parts["sure"], parts["unsure"], parts["other"]) == ("train", "train", "test")


def test_the_division_stays_when_utterances_are_added() -> None:
    few = {str(n): [f"text {n}"] for n in range(50)}
    many = {str(n): [f"text {n}"] for n in range(500)}
    before = split_by_sentence(few, valid=0.1, test=0.2, seed=1)
    after = split_by_sentence(many, valid=0.1, test=0.2, seed=1)
    assert {name: after[name] for name in before} == before
    assert split_by_sentence(many, valid=0.1, test=0.2, seed=2) != after


@pytest.mark.parametrize(("valid", "test"), [(0.1, 0.2), (0.0, 0.5), (0.0, 0.0)])
def test_shares_are_about_what_was_asked_for(valid: float, test: float) -> None:
    sentences = {str(n): [f"text {n}"] for n in range(4000)}
    counts = Counter(split_by_sentence(sentences, valid=valid, test=test, seed=3).values())
    assert counts["test"] / 4000 == pytest.approx(test, abs=0.03)
    assert counts["valid"] / 4000 == pytest.approx(valid, abs=0.03)
