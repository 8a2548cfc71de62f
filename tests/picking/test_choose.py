"""The choice: within the time, for doubt and variety, the same for any order, and nothing that cannot be heard."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from support.label_records import record

from xlpl_plugin.data.units import letters_line
from xlpl_plugin.labelling.records import LabelRecord
from xlpl_plugin.picking.choose import choose_utterances, draw_utterances


def label(key: str, words: str, confidence: float = 0.5, **more: Any) -> LabelRecord:
    return record(key, words, letters_line(words.split()), confidence, **more)


def ids(chosen: list[Any]) -> list[str]:
    return [one.id for one in chosen]


def test_doubtful_before_sure_and_new_before_said_already() -> None:
    labels = [
        label("sure", "la casa", 0.9),
        label("doubtful", "la casa", 0.2),
        label("again", "la casa", 0.2),
        label("other", "un gatto", 0.2),
    ]
    assert ids(choose_utterances(labels, 60.0)) == ["again", "other", "doubtful", "sure"]


@pytest.mark.parametrize("scale", [0.5, 0.01])
def test_doubt_is_relative_to_the_run(scale: float) -> None:
    """Confidences rank words: a run all of whose labels look sure, or none, picks the same."""
    draw = random.Random(3)
    labels = [label(f"u{n:02}", " ".join(draw.choices(["la", "casa", "rana"], k=3)), 0.9) for n in range(20)]
    sure = [tuple(draw.random() for _ in one.words) for one in labels]
    scaled = [
        replace(one, confidence=scale / 2, word_confidences=tuple(scale * c for c in confidences))
        for one, confidences in zip(labels, sure, strict=True)
    ]
    unscaled = [
        replace(one, confidence=0.5, word_confidences=confidences)
        for one, confidences in zip(labels, sure, strict=True)
    ]
    assert ids(choose_utterances(scaled, 12.0)) == ids(choose_utterances(unscaled, 12.0))


def test_a_doubtful_word_counts_where_it_stands() -> None:
    """Of two labels as sure as each other, the one whose doubt lies in what other recordings say as well."""
    more = [label(f"more{n}", "gatto", 0.99, seconds=50.0) for n in range(5)]
    here = label("here", "rana gatto", 0.5, word_confidences=(0.9, 0.1))
    there = label("there", "lupo gatto", 0.5, word_confidences=(0.1, 0.9))
    assert ids(choose_utterances([*more, there, here], 2.0)) == ["here"]


def test_audio_costs_time() -> None:
    long, short = label("long", "la casa rossa", seconds=9.0), label("short", "la casa", seconds=1.0)
    assert ids(choose_utterances([long, short], 10.0)) == ["short", "long"]


@pytest.mark.parametrize("seconds", [0.0, 1.0, 7.3, 20.0, 1000.0])
def test_the_choice_fits_the_time_and_leaves_no_room_for_another(seconds: float) -> None:
    draw = random.Random(7)
    words = ["la", "casa", "un", "gatto", "rana", "lupo", "acqua"]
    labels = [
        label(f"u{n:02}", " ".join(draw.choices(words, k=4)), draw.random(), seconds=draw.uniform(1, 4))
        for n in range(40)
    ]
    for chosen in (choose_utterances(labels, seconds), draw_utterances(labels, seconds, seed=1)):
        spent = sum(one.seconds for one in chosen)
        assert spent <= seconds
        assert all(one.seconds > seconds - spent for one in labels if one.id not in ids(chosen))
    shuffled = draw.sample(labels, len(labels))
    assert choose_utterances(shuffled, seconds) == choose_utterances(labels, seconds)
    assert draw_utterances(shuffled, seconds, seed=1) == draw_utterances(labels, seconds, seed=1)


def test_nothing_heard_is_last_and_what_failed_is_left_out() -> None:
    labels = [
        record("silence", "", "", 0.0, seconds=3.0),
        record("lost", "", "", 0.0, error="too short for a frame"),
        record("heard", "", "c a s a |", 0.0),
        label("sure", "casa", 0.999),
        label("long", "rana rana", 0.5, seconds=500.0),
    ]
    chosen = choose_utterances(labels, 100.0)
    assert ids(chosen) == ["heard", "sure", "silence"]
    assert [one.reason for one in chosen] == ["no word, but sounds", "doubtful words: casa", "nothing heard"]
    assert sorted(ids(draw_utterances(labels, 100.0, seed=0))) == ["heard", "silence", "sure"]


def test_a_reason_names_the_least_sure_words_once() -> None:
    said = label("a", "no sì no mai ora", word_confidences=(0.1, 0.9, 0.2, 0.3, 0.8))
    assert choose_utterances([said], 9.0)[0].reason == "doubtful words: no, mai"


def test_another_seed_draws_others() -> None:
    labels = [label(f"u{n}", "casa") for n in range(30)]
    assert ids(draw_utterances(labels, 15.0, seed=1)) != ids(draw_utterances(labels, 15.0, seed=2))


def test_labels_of_pieces_and_without_word_confidences_count() -> None:
    pieces = record("pieces", "la casa", "▁ l a ▁ c a s a", 0.3)
    assert choose_utterances([pieces], 9.0)[0].words == ("la", "casa")
