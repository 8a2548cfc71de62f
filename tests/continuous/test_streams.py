"""Batches without end: every row once an epoch, for any number of processes, and in the same place after a resume."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.continuous.streams import Batching, BatchStream
from xlpl_plugin.data.dataset import AudioDataset, DataPart
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError

LIMIT = 30
sizes = st.lists(st.integers(1, 40), min_size=1, max_size=40).filter(lambda found: min(found) <= LIMIT)


def dataset(sizes: list[int], share: float = 1.0) -> AudioDataset:
    """Recordings of so many samples; none is ever read."""
    utterances = tuple(Utterance(f"{number}.flac", size, None, None) for number, size in enumerate(sizes))
    return AudioDataset([DataPart(Path("audio"), utterances, None, share)], pad=1)


def batching(rank: int = 0, world: int = 1, *, max_tokens: int | None = LIMIT, seed: int = 1) -> Batching:
    return Batching(max_tokens, 4, seed, rank, world)


def taken(stream: BatchStream, count: int) -> list[list[int]]:
    return [stream.take().tolist() for _ in range(count)]


def rows_of_epoch(stream: BatchStream) -> list[int]:
    return sorted(row for rows in taken(stream, len(stream)) for row in rows)


@settings(max_examples=60)
@given(sizes, st.integers(1, 5), st.integers(0, 3))
def test_all_processes_together_take_every_row_in_every_epoch(sizes: list[int], world: int, seed: int) -> None:
    streams = [BatchStream(dataset(sizes), batching(rank, world, seed=seed)) for rank in range(world)]
    fitting = [row for row, size in enumerate(sizes) if size <= LIMIT]
    for epoch in (1, 2, 3):
        lengths = {len(stream) for stream in streams}
        assert len(lengths) == 1
        batches = [tuple(rows) for stream in streams for rows in taken(stream, len(stream))]
        assert {stream.epoch for stream in streams} == {epoch}
        for rows in batches:
            assert 1 <= len(rows) <= 4
            assert max(sizes[row] for row in rows) * len(rows) <= LIMIT
        # a few processes share a batch where these do not come out even
        assert len(batches) - len(set(batches)) < world
        assert Counter(row for rows in set(batches) for row in rows) == Counter(fitting)
        for stream in streams:
            stream.peek()


@settings(max_examples=60)
@given(sizes, st.integers(0, 70), st.integers(0, 1))
def test_a_stream_goes_on_where_another_was(sizes: list[int], steps: int, rank: int) -> None:
    before, after = (BatchStream(dataset(sizes), batching(rank, 2)) for _ in range(2))
    taken(before, steps)
    after.go_to(before.epoch, before.taken)
    assert taken(after, 40) == taken(before, 40)


def test_peeking_takes_nothing_even_where_an_epoch_begins() -> None:
    stream, other = (BatchStream(dataset([10] * 12), batching()) for _ in range(2))
    for _ in range(3 * len(stream)):
        seen = stream.peek().tolist()
        assert seen == stream.peek().tolist() == stream.take().tolist() == other.take().tolist()
    assert stream.epoch == 3


def test_each_epoch_and_each_seed_has_an_order_and_a_draw_of_its_own() -> None:
    half = dataset(list(range(1, 31)), share=0.5)
    stream = BatchStream(half, batching())
    first = rows_of_epoch(stream)
    stream.peek()
    assert len(first) == 15
    assert rows_of_epoch(stream) != first
    alone = [taken(BatchStream(dataset([30] * 30), batching(seed=seed)), 30) for seed in (1, 2)]
    assert alone[0] != alone[1]


def test_a_stream_goes_on_with_larger_batches() -> None:
    """A place behind the end of what is now a shorter epoch is the start of the next one."""
    stream = BatchStream(dataset([10] * 12), batching(max_tokens=10))
    taken(stream, 11)
    larger = BatchStream(dataset([10] * 12), batching(max_tokens=30))
    larger.go_to(stream.epoch, stream.taken)
    assert rows_of_epoch(larger) == list(range(12))
    assert (larger.epoch, larger.taken) == (2, 4)


def test_a_limit_that_nothing_fits_is_refused() -> None:
    with pytest.raises(XlplError, match=r"all 3 recordings are longer than dataset\.max_tokens=30(.|\n)*raise"):
        BatchStream(dataset([31, 40, 50]), batching())
    assert len(BatchStream(dataset([31, 40, 50]), batching(max_tokens=None))) == 1


def test_rows_keep_their_numbers_where_some_are_left_out() -> None:
    assert np.concatenate(taken(BatchStream(dataset([40, 5, 40, 5]), batching()), 1)).tolist() in ([1, 3], [3, 1])
