"""Each way in which self-made labels go wrong is found, and a model that gets better is left alone."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from functools import reduce
from operator import add

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.continuous.guard import COLLAPSED, HEALTHY, SUSPECT, CollapseGuard, GuardVerdict, LabelCounts
from xlpl_plugin.continuous.options import GuardOptions
from xlpl_plugin.errors import XlplError

WINDOW = 6
# the letters of a text, some of them frequent: varied as 16 equally frequent ones
FREQUENT = (12, 12, 11, 10, 9, 7, 6, 6, 5, 5, 4, 3, 3, 2, 2, 1, 1, 1)


def batch(
    *,
    length: float = 12.0,
    blank: float = 0.5,
    churn: float | None = 0.1,
    compared: int | None = None,
    used: Sequence[int] = FREQUENT,
) -> LabelCounts:
    """100 s of audio at 33 frames a second, with so many units a second spread over ``used``, as many as before."""
    units = round(100 * length)
    spread = tuple(units * count // sum(used) for count in used)
    compared = 0 if churn is None else units if compared is None else compared
    edits = round(compared * (churn or 0))
    return LabelCounts(round(3300 * blank), 3300, units, 100.0, edits, compared, spread)


def watch(
    *batches: LabelCounts, filled: LabelCounts | None = None, config: GuardOptions | None = None
) -> CollapseGuard:
    """A guard that saw the cache filled with a window of batches, and then these."""
    guard = CollapseGuard(config or GuardOptions(guard_window=WINDOW))
    for counts in [filled or batch(churn=None)] * WINDOW + list(batches):
        guard.observe(counts)
    return guard


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (batch(length=0.9), r"0\.9 units a second, 12\.0 when the cache was filled: .*silent.*task\.replace_prob"),
        (batch(length=0), r"0\.0 units a second, 12\.0 when"),
        (batch(length=0.9, blank=0.98, used=(1, 1)), r"0\.9 units a second, 12\.0 when"),
        (batch(blank=0.95), r"95\.0 % of the frames are blank, 50\.0 % when"),
        (batch(length=28), r"28\.0 units a second, 12\.0 when .*more than is spoken"),
        (batch(used=(5, 5, 5)), r"as varied as 3\.0 equally frequent units, 1\d\.\d when"),
        (batch(churn=0.8), r"80 % of the units of a label have become others"),
    ],
    ids=["nearly silent", "silent", "silent in all signals", "blank", "babble", "few letters", "churn"],
)
def test_a_collapse_is_suspected_and_then_found(now: LabelCounts, words: str) -> None:
    guard = watch()
    states = []
    for _ in range(WINDOW):
        guard.observe(now)
        states.append(guard.judge().state)
    assert states[1] == SUSPECT  # two of the last two batches: long before a window of them
    assert states[-1] == COLLAPSED
    assert COLLAPSED not in states[: WINDOW // 2]
    assert re.search(words, guard.judge().reason)


def test_the_verdict_has_what_was_judged_and_what_it_was_compared_with() -> None:
    verdict = watch(*[batch(length=0.9, used=(1, 1))] * WINDOW).judge()
    assert verdict.signals == {
        "pl_blank": 50.0,
        "pl_length": 0.9,
        "pl_letters": 2.0,
        "pl_effective_letters": 2.0,
        "pl_churn": 10.0,
    }
    assert verdict.reference["pl_length"] == 12.0
    assert "pl_churn" not in verdict.reference  # nothing was compared when the cache was filled


@pytest.mark.parametrize(
    ("filled", "now"),
    [
        (batch(), batch(length=14.4, churn=0.5, compared=1200)),
        (batch(), batch(length=9.0, blank=0.6)),
        (batch(), batch(blank=0.1)),
        # a model that heard a quarter of the speech and learns to hear all of it: most edits are insertions
        (batch(length=3, blank=0.9, used=FREQUENT[:8]), batch(length=12, churn=3.2, compared=300)),
        # from babble to speech
        (batch(length=20, blank=0.2), batch(length=12, blank=0.5, churn=0.45)),
        # a batch of short utterances among others: see the ranges measured on real batches
        (batch(length=14.0, blank=0.5), batch(length=8.0, blank=0.73, used=FREQUENT[:12])),
    ],
    ids=["longer", "shorter", "fewer blanks", "quarter", "less babble", "short utterances"],
)
def test_getting_better_does_not_stop_a_training(filled: LabelCounts, now: LabelCounts) -> None:
    guard = watch(filled=filled)
    for _ in range(3 * WINDOW):
        guard.observe(now)
        assert (guard.judge().state, guard.judge().reason) == (HEALTHY, "")


def test_a_model_silent_from_the_start_is_told_apart_from_one_that_fell_silent() -> None:
    quiet = batch(length=0.1, churn=None)
    verdict = watch(filled=quiet).judge()
    assert verdict.state == COLLAPSED
    assert "next to nothing" in verdict.reason
    assert "task.warm_up" in verdict.reason
    assert watch(*[batch(length=8)] * WINDOW, filled=quiet).judge().state == HEALTHY


def test_nothing_is_judged_before_the_cache_is_filled() -> None:
    guard = CollapseGuard(GuardOptions(guard_window=WINDOW))
    for _ in range(WINDOW - 1):
        guard.observe(batch(length=0, blank=1.0))
        assert guard.judge() == GuardVerdict(HEALTHY)
    guard.observe(batch(length=0, blank=1.0))
    assert guard.judge().state == COLLAPSED


def test_labels_that_come_back_are_healthy_again() -> None:
    guard = watch(*[batch(length=2)] * 2)
    assert guard.judge().state == SUSPECT
    for _ in range(2):
        guard.observe(batch())
    assert guard.judge().state == HEALTHY


def test_few_units_say_nothing_about_letters_and_churn() -> None:
    few = LabelCounts(50, 100, 12, 1.0, 12, 12, (12, 0, 0))
    filled = LabelCounts(50, 100, 12, 1.0, 0, 0, (4, 4, 4))
    config = GuardOptions(guard_window=WINDOW, guard_least_units=WINDOW * 12 + 1)
    assert watch(*[few] * WINDOW, filled=filled, config=config).judge().state == HEALTHY
    config.guard_least_units -= 1
    assert watch(*[few] * WINDOW, filled=filled, config=config).judge().state == COLLAPSED


def test_a_guard_switched_off_stops_nothing() -> None:
    config = GuardOptions(no_guard=True, guard_window=WINDOW)
    assert watch(*[batch(length=0)] * WINDOW, config=config).judge() == GuardVerdict(HEALTHY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("window", 0), ("least_units", 0), ("shorter", 1.0), ("voiced", -0.1), ("letters", 1.5), ("silent", 0.0)],
        *[("longer", 1.0), ("usual_length", 0.0), ("churn", 0.0), ("suspicion", 0.0), ("suspicion", 1.1)],
    ],
)
def test_thresholds_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(XlplError, match=rf"task\.guard_{field}={value}\n  expected: "):
        CollapseGuard(GuardOptions(**{f"guard_{field}": value}))


def test_counts_have_exact_signals() -> None:
    counts = LabelCounts(75, 100, 20, 4.0, 3, 12, (0, 10, 10)) + LabelCounts(5, 100, 4, 2.0, 0, 0, (2, 1, 1, 0))
    assert counts == LabelCounts(80, 200, 24, 6.0, 3, 12, (2, 11, 11, 0))
    assert (counts.blank, counts.length, counts.letters, counts.churn) == (0.4, 4.0, 3, 0.25)
    assert LabelCounts(used=(5, 0, 5, 5, 5)).effective_letters == pytest.approx(4.0, abs=1e-12)
    nothing = LabelCounts()
    assert (nothing.blank, nothing.length, nothing.letters, nothing.churn) == (None, None, 0, None)
    assert nothing.signals() == {"pl_letters": 0.0, "pl_effective_letters": 0.0}


_whole = st.integers(0, 10_000)
_counts = st.builds(
    LabelCounts, _whole, _whole, _whole, _whole.map(float), _whole, _whole, st.tuples(*[st.integers(0, 500)] * 4)
)


@settings(max_examples=50)
@given(st.lists(_counts, max_size=6), st.randoms(use_true_random=False))
def test_sums_do_not_depend_on_their_order_or_on_who_adds(batches: list[LabelCounts], chance: object) -> None:
    shuffled = list(batches)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    total = reduce(add, batches, LabelCounts())
    assert reduce(add, shuffled, LabelCounts()) == total
    exchanged = [sum(column) for column in zip(*[counts.to_list() for counts in batches], strict=True)]
    assert not batches or LabelCounts.from_list(exchanged) == total


@settings(max_examples=50)
@given(st.lists(_counts, max_size=20), st.integers(0, 20))
def test_a_resumed_guard_comes_to_the_same_verdicts(batches: list[LabelCounts], killed: int) -> None:
    config = GuardOptions(guard_window=3)
    whole, first = CollapseGuard(config), CollapseGuard(config)
    for counts in batches[:killed]:
        whole.observe(counts)
        first.observe(counts)
    # as a checkpoint does: nothing but plain data
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    resumed = CollapseGuard(config)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for counts in batches[killed:]:
        whole.observe(counts)
        resumed.observe(counts)
        assert resumed.judge() == whole.judge()
    assert resumed.state_dict() == whole.state_dict()
    assert json.loads(json.dumps(whole.state_dict())) == whole.state_dict()


@pytest.mark.parametrize("state", [{}, {"seen": 1, "reference": [1.0], "recent": []}, {"seen": "x"}])
def test_a_foreign_state_is_an_error(state: dict[str, object]) -> None:
    with pytest.raises(XlplError, match="state of the collapse guard cannot be read"):
        CollapseGuard(GuardOptions()).load_state_dict(state)
