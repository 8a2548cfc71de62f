"""Division into parts: no sentence in two of them, and no change when other utterances come or go."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.data.split import draw_part, split_by_sentence, split_by_speaker
from xlpl_plugin.errors import XlplError

WORDS = st.sampled_from([f"sentence {n}" for n in range(12)])
PEOPLE = st.sampled_from(["", "ana", "ben", "eva", "joe"])
CORPORA = st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=30)


def names(corpus: Sequence[object]) -> list[str]:
    return [str(number) for number in range(len(corpus))]


@settings(max_examples=200)
@given(CORPORA, st.integers(0, 5))
def test_no_sentence_is_in_two_parts(corpus: list[list[str]], seed: int) -> None:
    parts = split_by_sentence(names(corpus), corpus, valid=0.3, test=0.3, seed=seed)
    where: dict[str, set[str]] = {}
    for own, part in zip(corpus, parts, strict=True):
        for sentence in own:
            where.setdefault(sentence, set()).add(part)
    assert all(len(found) == 1 for found in where.values())


def test_uncertain_utterances_draw_their_sentences_into_train() -> None:
    sentences, fixed = [["thank you", "goodbye"], ["goodbye"], ["hello"]], ["", "train", ""]
    for seed in range(20):
        parts = split_by_sentence(names(sentences), sentences, valid=0.0, test=0.99, seed=seed, fixed=fixed)
        assert list(parts) == ["train", "train", "test"]


def test_a_sentence_cannot_be_fixed_to_two_parts() -> None:
    fixed = ["train", "test"]
    with pytest.raises(XlplError, match="b: fixed to test, and what shares a sentence with it to train"):
        split_by_sentence(["a", "b"], [["hello"], ["hello"]], valid=0.0, test=0.5, seed=1, fixed=fixed)


def test_the_part_of_a_lone_sentence_is_known_beforehand() -> None:
    texts = [f"text {n}" for n in range(50)]
    parts = list(split_by_sentence(names(texts), [[text] for text in texts], valid=0.2, test=0.3, seed=4))
    assert parts == [draw_part(text, valid=0.2, test=0.3, seed=4) for text in texts]
    assert set(parts) == {"train", "valid", "test"}


def test_a_group_goes_by_its_first_sentence_in_alphabetical_order() -> None:
    corpus = [["m", "z"], ["c"], ["z", "b"], ["b", "d"]]
    for seed in range(20):
        parts = split_by_sentence(names(corpus), corpus, valid=0.3, test=0.3, seed=seed)
        b, c = (draw_part(text, valid=0.3, test=0.3, seed=seed) for text in "bc")
        assert list(parts) == [b, c, b, b]


def test_the_division_stays_when_utterances_are_added() -> None:
    many = [[f"text {n}"] for n in range(500)]
    before = split_by_sentence(names(many[:50]), many[:50], valid=0.1, test=0.2, seed=1)
    after = split_by_sentence(names(many), many, valid=0.1, test=0.2, seed=1)
    assert list(after[:50]) == list(before)
    assert list(split_by_sentence(names(many), many, valid=0.1, test=0.2, seed=2)) != list(after)


@pytest.mark.parametrize(("valid", "test"), [(0.1, 0.2), (0.0, 0.5), (0.0, 0.0)])
def test_shares_are_about_what_was_asked_for(valid: float, test: float) -> None:
    sentences = [[f"text {n}"] for n in range(4000)]
    counts = Counter(split_by_sentence(names(sentences), sentences, valid=valid, test=test, seed=3))
    assert counts["test"] / 4000 == pytest.approx(test, abs=0.03)
    assert counts["valid"] / 4000 == pytest.approx(valid, abs=0.03)


@settings(max_examples=200)
@given(
    CORPORA, st.lists(st.sampled_from(["", "ana", "ben", "eva", "joe"]), min_size=30, max_size=30), st.integers(0, 5)
)
def test_neither_sentence_nor_speaker_is_in_two_parts(corpus: list[list[str]], who: list[str], seed: int) -> None:
    speakers, samples = who[: len(corpus)], [1 + len(own) for own in corpus]
    parts = split_by_speaker(corpus, speakers, samples, valid=0.2, test=0.3, seed=seed)
    if parts is None:
        return
    where: dict[tuple[str, str], set[str]] = {}
    for name, own, speaker, part in zip(names(corpus), corpus, speakers, parts, strict=True):
        traits = [("sentence", sentence) for sentence in own]
        for trait in [*traits, ("speaker", speaker or name)]:
            where.setdefault(trait, set()).add(part)
    assert all(len(found) == 1 for found in where.values())
    shares = Counter[str]()
    for part, size in zip(parts, samples, strict=True):
        shares[part] += size
    assert 0.1 <= shares["valid"] / sum(samples) <= 0.4
    assert 0.15 <= shares["test"] / sum(samples) <= 0.6
    assert shares["train"]


def test_groups_take_their_turn_by_a_hash_until_a_part_is_full() -> None:
    # ten speakers of one sentence each, of the same size: the first of them by their hashes are for test
    corpus = [[f"text {n}"] for n in range(10)]
    parts = split_by_speaker(corpus, [f"speaker {n}" for n in range(10)], [5] * 10, valid=0.1, test=0.3, seed=1)
    assert parts is not None
    assert Counter(parts) == {"test": 3, "valid": 1, "train": 6}
    order = sorted(range(10), key=lambda n: hashlib.sha256(f"1\ttext {n}".encode()).digest()[:8])
    assert [parts[n] for n in order] == ["test"] * 3 + ["valid"] + ["train"] * 6


def test_without_a_share_there_is_no_part() -> None:
    sentences = [[f"text {n}"] for n in range(40)]
    speakers = [f"speaker {n // 4}" for n in range(40)]
    parts = split_by_speaker(sentences, speakers, [1] * 40, valid=0.0, test=0.0, seed=1)
    assert parts is not None
    assert list(parts) == ["train"] * 40
