"""Whose turn it is: the warm-up, the ratio in every cycle, and each process in an order of its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.continuous.options import ContinuousOptions
from xlpl_plugin.continuous.schedule import Schedule
from xlpl_plugin.errors import XlplError
from xlpl_plugin.schema import check_options

ratios = st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(any)


@settings(max_examples=60)
@given(ratios, st.integers(0, 7), st.integers(0, 6), st.integers(0, 3))
def test_every_cycle_after_the_warm_up_has_the_ratio(
    ratio: tuple[int, int], warm_up: int, number: int, rank: int
) -> None:
    schedule = Schedule(warm_up, *ratio, seed=(1, rank))
    assert not any(schedule.begun(update) or schedule.is_unlabelled(update) for update in range(warm_up))
    assert schedule.begun(warm_up)
    start = warm_up + number * sum(ratio)
    assert sum(schedule.is_unlabelled(update) for update in range(start, start + sum(ratio))) == ratio[1]


def test_cycles_processes_and_seeds_differ() -> None:
    def order(*seed: int) -> list[bool]:
        schedule = Schedule(0, 3, 3, seed)
        return [schedule.is_unlabelled(update) for update in range(24)]

    assert order(1, 0) == order(1, 0)
    assert len({tuple(order(seed, rank)) for seed in (1, 2) for rank in (0, 1)}) == 4
    cycles = [tuple(order(1, 0)[start : start + 6]) for start in range(0, 24, 6)]
    assert len(set(cycles)) > 1


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((-1, 1, 1), r"task\.warm_up=-1"),
        ((0, -1, 1), r"task\.labelled_updates=-1"),
        ((0, 1, -1), r"task\.unlabelled_updates=-1"),
        ((0, 0, 0), "nothing to train on"),
        ((5, 0, 1), r"task\.warm_up=5 with task\.labelled_updates=0(.|\n)*set task\.warm_up=0"),
    ],
)
def test_numbers_that_make_no_schedule_are_refused(numbers: tuple[int, int, int], words: str) -> None:
    with pytest.raises(XlplError, match=words):
        check_options(options(*numbers), "task")


@pytest.mark.parametrize("numbers", [(0, 0, 1), (5, 1, 0), (0, 1, 3)])
def test_one_part_alone_is_a_schedule(numbers: tuple[int, int, int]) -> None:
    check_options(options(*numbers), "task")


def options(warm_up: int, labelled: int, unlabelled: int) -> ContinuousOptions:
    return ContinuousOptions(warm_up=warm_up, labelled_updates=labelled, unlabelled_updates=unlabelled)
