"""Division into parts: no sentence in two of them, and no change when other utterances come or go."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.data.split import draw_part, split_by_sentence, split_by_speaker
from xlpl_plugin.errors import XlplError

WORDS = st.sampled_from([f"sentence {n}" for n in range(12)])
PEOPLE = st.sampled_from(["", "ana", "ben", "eva", "joe"])
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
        parts = split_by_sentence(sentences, valid=0.0, test=0.99, seed=seed, fixed={"unsure": "train"})
        assert (parts["sure"], parts["unsure"], parts["other"]) == ("train", "train", "test")


def test_a_sentence_cannot_be_fixed_to_two_parts() -> None:
    with pytest.raises(XlplError, match="fixed to test"):
        split_by_sentence(
            {"a": ["hello"], "b": ["hello"]}, valid=0.0, test=0.5, seed=1, fixed={"a": "train", "b": "test"}
        )


def test_the_part_of_a_lone_sentence_is_known_beforehand() -> None:
    parts = split_by_sentence({str(n): [f"text {n}"] for n in range(50)}, valid=0.2, test=0.3, seed=4)
    assert parts == {str(n): draw_part(f"text {n}", valid=0.2, test=0.3, seed=4) for n in range(50)}
    assert set(parts.values()) == {"train", "valid", "test"}


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


@settings(max_examples=200, deadline=None)
@given(
    CORPORA, st.lists(st.sampled_from(["", "ana", "ben", "eva", "joe"]), min_size=30, max_size=30), st.integers(0, 5)
)
def test_neither_sentence_nor_speaker_is_in_two_parts(corpus: list[list[str]], who: list[str], seed: int) -> None:
    sentences = {str(number): own for number, own in enumerate(corpus)}
    speakers = {name: speaker for name, speaker in zip(sentences, who, strict=False) if speaker}
    samples = {name: 1 + len(own) for name, own in sentences.items()}
    parts = split_by_speaker(sentences, speakers, samples, valid=0.2, test=0.3, seed=seed)
    if parts is None:
        return
    assert parts.keys() == sentences.keys()
    where: dict[tuple[str, str], set[str]] = {}
    for name, own in sentences.items():
        traits = [("sentence", sentence) for sentence in own]
        for trait in [*traits, ("speaker", speakers.get(name, name))]:
            where.setdefault(trait, set()).add(parts[name])
    assert all(len(found) == 1 for found in where.values())
    shares = {part: sum(samples[name] for name in parts if parts[name] == part) for part in ("valid", "test", "train")}
    assert 0.1 <= shares["valid"] / sum(samples.values()) <= 0.4
    assert 0.15 <= shares["test"] / sum(samples.values()) <= 0.6
    assert shares["train"]


def test_without_a_share_there_is_no_part() -> None:
    sentences = {str(n): [f"text {n}"] for n in range(40)}
    speakers = {name: f"speaker {int(name) // 4}" for name in sentences}
    parts = split_by_speaker(sentences, speakers, dict.fromkeys(sentences, 1), valid=0.0, test=0.0, seed=1)
    assert parts == dict.fromkeys(sentences, "train")
