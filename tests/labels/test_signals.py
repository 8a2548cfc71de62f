"""Signals of a labelling, counted by hand, and the alarm that each kind of collapse raises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xlpl_plugin.labels.records import LabelRecord, agreement
from xlpl_plugin.labels.signals import Signals, alarms, blank_share, change, measure


def label(key: str, words: str, greedy: str, confidence: float = 0.5, kept: bool = True) -> LabelRecord:
    """Return a record of two seconds whose units spell its words."""
    units = " ".join(f"{' '.join(word)} |" for word in words.split())
    return LabelRecord(
        id=key,
        words=tuple(words.split()),
        units=units,
        am_score=-1.0,
        lm_score=-1.0,
        score=-3.0,
        frames=50,
        starts=(),
        seconds=2.0,
        confidence=confidence,
        agreement=agreement(units.split(), greedy.split()),
        greedy=greedy,
        greedy_score=-1.0,
        kept=kept,
    )


HEALTHY = Signals(
    utterances=100,
    blank_share=0.6,
    empty_share=0.02,
    kept_share=0.9,
    letters_per_second=12.0,
    greedy_letters_per_second=11.0,
    vocabulary=800,
    top_word_share=0.05,
    agreement=0.6,
    confidence=0.7,
)


def test_counts_of_one_labelling() -> None:
    labels = [
        label("a", "no no sì", "n o | n o | s i |", confidence=0.9),
        label("b", "", "s |", confidence=0.1, kept=False),
    ]
    signals = measure(labels, blank_share=0.25)
    assert signals.empty_share == 0.5
    assert signals.kept_share == 0.5
    assert signals.letters_per_second == 6 / 4
    assert signals.greedy_letters_per_second == 7 / 4
    assert signals.vocabulary == 2
    assert signals.top_word_share == pytest.approx(2 / 3)
    assert signals.agreement == pytest.approx((8 / 9 + 0) / 2)  # ì for i in nine units; nothing of b
    assert signals.confidence == pytest.approx(0.5)
    assert signals.change is None


def test_change_is_matched_by_id_not_by_order() -> None:
    before = [label("a", "uno due", ""), label("b", "tre", "")]
    after = [label("b", "tre", ""), label("a", "uno tre", "")]
    assert change(before, after) == pytest.approx(1 / 3)
    assert change(before, before) == 0
    assert measure(after, 0.0, previous=before).change == pytest.approx(1 / 3)


def test_change_from_silence() -> None:
    assert change([label("a", "", "")], [label("a", "", "")]) == 0
    assert change([label("a", "", "")], [label("a", "uno due", "")]) == 1


def test_labelling_of_silence_is_measured() -> None:
    signals = measure([label("a", "", "")], 1.0)
    assert (signals.vocabulary, signals.top_word_share, signals.agreement) == (0, 0.0, 1.0)
    assert {alarm.name for alarm in alarms([signals])} == {"empty labels", "blank"}


def test_blank_share_weighs_frames_not_utterances() -> None:
    blank, letter = [[-0.1, -3.0]], [[-3.0, -0.1]]
    assert blank_share([np.array(blank * 3), np.array(letter)]) == 0.75
    assert blank_share([]) == 0


def test_healthy_rounds_raise_nothing() -> None:
    better = replace(HEALTHY, letters_per_second=12.5, vocabulary=760, agreement=0.8, change=0.3)
    assert alarms([HEALTHY]) == []
    assert alarms([HEALTHY, better]) == []


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("empty labels", replace(HEALTHY, empty_share=0.3)),
        ("empty labels", replace(HEALTHY, empty_share=0.15)),
        ("blank", replace(HEALTHY, blank_share=0.99)),
        ("few words", replace(HEALTHY, top_word_share=0.5)),
        ("shorter output", replace(HEALTHY, letters_per_second=8.9)),
        ("shorter output", replace(HEALTHY, greedy_letters_per_second=8.0)),
        ("vocabulary", replace(HEALTHY, vocabulary=500)),
        ("agreement", replace(HEALTHY, agreement=0.4)),
    ],
)
def test_each_collapse_is_named_with_advice(name: str, now: Signals) -> None:
    (alarm,) = alarms([HEALTHY, now])
    assert alarm.name == name
    assert alarm.advice


def test_slow_shrinking_is_judged_against_round_zero() -> None:
    rates = [12.0, 10.8, 9.7, 8.7]  # never more than 11 % from one round to the next
    history = [replace(HEALTHY, letters_per_second=rate) for rate in rates]
    assert alarms(history[:3]) == []
    assert [alarm.name for alarm in alarms(history)] == ["shorter output"]
