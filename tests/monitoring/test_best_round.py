"""When rounds end, which is called the best, and whether a source is good for a target."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from support.healthy import HEALTHY

from xlpl_plugin.errors import XlplError
from xlpl_plugin.monitoring.best_round import StopConfig, decide, go_no_go
from xlpl_plugin.monitoring.signals import Signals
from xlpl_plugin.schema import check_options


def rounds(*scores: float | None, changes: float | None = 0.2, last: float | None = None) -> list[Signals]:
    """Return a history of label-free scores; ``last`` is how much the labels of its last round changed."""
    history = [replace(HEALTHY, label_free=score, change=changes if n else None) for n, score in enumerate(scores)]
    return history if last is None else [*history[:-1], replace(history[-1], change=last)]


def test_rounds_that_get_better_go_on() -> None:
    # the label-free scores and changes of two runs on Italian recordings, better every time in truth as well
    for scores, changes in (
        ((0.778, 0.610, 0.532, 0.489, 0.461), (None, 0.462, 0.177, 0.092, 0.086)),
        ((0.780, 0.608, 0.524, 0.487, 0.470), (None, 0.458, 0.157, 0.073, 0.077)),
    ):
        history = [replace(HEALTHY, label_free=a, change=b) for a, b in zip(scores, changes, strict=True)]
        for number in range(5):
            decision = decide(history[: number + 1], StopConfig())
            assert (decision.stop, decision.best, decision.reason) == (False, number, "")


def test_stops_when_the_labels_stop_changing() -> None:
    decision = decide(rounds(0.8, 0.7, 0.6, last=0.02), StopConfig())
    assert (decision.stop, decision.best) == (True, 2)
    assert "2.0%" in decision.reason
    assert not decide(rounds(0.8, 0.7, 0.6, last=0.02), StopConfig(change=0.01)).stop


def test_stops_when_the_score_does_not_get_better_and_keeps_the_best_round() -> None:
    assert not decide(rounds(0.8, 0.6, 0.65), StopConfig()).stop
    decision = decide(rounds(0.8, 0.6, 0.65, 0.62), StopConfig())
    assert (decision.stop, decision.best) == (True, 1)
    assert "round 1" in decision.reason
    assert decide(rounds(0.8, 0.6, 0.65), StopConfig(patience=1)).stop
    assert not decide(rounds(0.8, 0.6, 0.65, 0.59), StopConfig()).stop  # it recovered


def test_rounds_before_something_new_is_learned_say_nothing_of_what_follows() -> None:
    worse = rounds(0.8, 0.6, 0.65, 0.62, 0.63, 0.61)
    stops = [decide(worse[: number + 1], StopConfig(), renewed=4).stop for number in range(6)]
    assert stops == [False] * 5 + [True]  # two rounds in a row, 4 and 5, of those that learned it
    unchanged = rounds(0.8, 0.7, 0.6, last=0.001)
    assert [decide(unchanged, StopConfig(), renewed=number).stop for number in (2, 3)] == [True, False]


def test_held_out_audio_decides() -> None:
    # six rounds on Italian recordings: better and better on the labelled audio, and worse in truth after the third
    scores = (0.770, 0.603, 0.519, 0.477, 0.461, 0.442, 0.432)
    held_out = (0.719, 0.534, 0.465, 0.460, 0.447, 0.443, 0.451)
    changes = (None, 0.443, 0.163, 0.077, 0.082, 0.049, 0.049)
    told = zip(scores, held_out, changes, strict=True)
    history = [replace(HEALTHY, label_free=a, held_out=b, change=c) for a, b, c in told]
    best = [decide(history[: number + 1], StopConfig()).best for number in range(7)]
    assert best == [0, 1, 2, 3, 4, 5, 5]
    # whoever wants as few rounds as will do takes the earliest of about equal ones
    few = StopConfig(tolerance=0.03)
    assert [decide(history[: number + 1], few).best for number in range(7)] == [0, 1, 2, 2, 3, 4, 4]
    assert [decide(history[: number + 1], few).stop for number in (5, 6)] == [False, True]
    assert decide(history, StopConfig(tolerance=0.05)).best == 2
    assert decide([replace(h, held_out=None) for h in history], StopConfig()).best == 6
    # of rounds that are near each other, one that learned from a person's transcripts
    assert [decide(history, StopConfig(), renewed=number).best for number in (1, 5, 6, 7)] == [5, 5, 6, 5]


def test_does_not_stop_before_min_rounds_nor_when_it_may_not() -> None:
    worse = rounds(0.6, 0.7, 0.8, last=0.0)
    assert decide(worse, StopConfig()).stop
    assert not decide(worse, StopConfig(min_rounds=3)).stop
    switched_off = decide(worse, StopConfig(enabled=False))
    assert (switched_off.stop, switched_off.best, switched_off.reason) == (False, 0, "")


@pytest.mark.parametrize(
    "collapse",
    [
        {"letters_per_second": 3.0},  # short labels are likely ones
        {"blank_share": 0.99},
        {"empty_share": 0.5},
        {"top_word_share": 0.4},
        {"valid_loss": math.nan},
    ],
)
def test_a_collapsed_round_is_never_the_best(collapse: dict[str, float]) -> None:
    history = rounds(0.8, 0.6, 0.3)
    history[2] = replace(history[2], **collapse)  # type: ignore[arg-type]
    assert decide(history, StopConfig()).best == 1
    decision = decide([*history, replace(history[2], label_free=0.2)], StopConfig())
    assert (decision.stop, decision.best) == (True, 1)


def test_a_run_that_was_bad_from_the_start_still_names_its_best_round() -> None:
    history = [replace(signals, blank_share=0.99) for signals in rounds(0.9, 0.8)]
    assert decide(history, StopConfig()).best == 1


def test_without_an_lm_the_last_sound_round_is_the_best() -> None:
    history = rounds(None, None, None)
    assert decide(history, StopConfig()).best == 2
    history[2] = replace(history[2], blank_share=0.99)
    assert decide(history, StopConfig()).best == 1


def first(evidence: float | None, error: float | None = 0.01) -> Signals:
    return replace(HEALTHY, label_free=0.8, evidence=evidence, evidence_error=error)


@pytest.mark.parametrize(("evidence", "go"), [(5.0, True), (-0.01, False), (0.0, False), (None, None)])
def test_evidence_decides_whether_a_source_is_good_for_a_target(evidence: float | None, go: bool | None) -> None:
    verdict = go_no_go(first(evidence), StopConfig())
    assert verdict.go is go
    assert verdict.reason
    assert bool(verdict.advice) is (go is not True)


def test_evidence_that_is_not_clear_is_doubtful() -> None:
    verdict = go_no_go(first(0.25, error=None), StopConfig())
    assert verdict.go is None
    assert "doubtful" in verdict.reason


def test_a_source_that_hears_nothing_ends_the_run_only_if_asked_to() -> None:
    stop = decide([first(0.0)], StopConfig(zero_shot="stop"))
    assert (stop.stop, stop.best) == (True, 0)
    assert "recognises nothing" in stop.reason
    for config in (
        StopConfig(zero_shot="warn"),
        StopConfig(zero_shot="off"),
        StopConfig(zero_shot="stop", enabled=False),
    ):
        assert not decide([first(0.0)], config).stop
    assert not decide([first(5.0)], StopConfig(zero_shot="stop")).stop
    assert go_no_go(first(0.0), StopConfig(zero_shot="off")).go is None


@pytest.mark.parametrize(
    "wrong",
    [{"change": 1.0}, {"change": -0.1}, {"tolerance": -0.1}, {"patience": 0}, {"min_rounds": -1}, {"zero_shot": "no"}],
)
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    (key,) = wrong
    with pytest.raises(XlplError, match=f"stop.{key}="):
        check_options(StopConfig(**wrong), "stop")
    check_options(StopConfig(), "stop")
