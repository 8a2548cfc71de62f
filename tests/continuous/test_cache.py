"""The cache's order of visits, and its batches as plain data."""

from __future__ import annotations

import io

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.continuous.cache import CachedBatch, pack, slot_of_visit, unpack
from xlpl_plugin.continuous.peers import Holding, News, Peers

rows = st.integers(0, 2**40)
labels = st.lists(st.integers(0, 2**15 - 1), max_size=6)
batches = st.lists(st.tuples(st.lists(st.tuples(rows, labels), max_size=4), st.integers(0, 10**7)), max_size=5)


def cached(utterances: list[tuple[int, list[int]]], made: int) -> CachedBatch:
    found = tuple(np.array(own, np.int16) for _, own in utterances)
    return CachedBatch(np.array([row for row, _ in utterances], np.int64), found, made)


def plain(batch: CachedBatch) -> tuple[list[tuple[int, list[int]]], int]:
    assert batch.rows.dtype == np.int64
    assert all(own.dtype == np.int16 for own in batch.labels)
    return list(zip(batch.rows.tolist(), [own.tolist() for own in batch.labels], strict=True)), batch.made


@settings(max_examples=100)
@given(batches)
def test_unpacking_gives_back_what_was_packed(batches: list[tuple[list[tuple[int, list[int]]], int]]) -> None:
    file = io.BytesIO()
    torch.save(pack([cached(*batch) for batch in batches]), file)
    file.seek(0)
    assert [plain(batch) for batch in unpack(torch.load(file, weights_only=True))] == batches


def test_unpacked_batches_share_no_memory() -> None:
    packed = pack([cached([(1, [5, 6]), (2, [])], 7)])
    (batch,) = unpack(packed)
    packed["units"].zero_()
    packed["rows"].zero_()
    assert plain(batch) == ([(1, [5, 6]), (2, [])], 7)


@settings(max_examples=50)
@given(st.integers(1, 30), st.integers(0, 5), st.integers(0, 3))
def test_a_pass_visits_every_batch_once(size: int, number: int, rank: int) -> None:
    visits = range(number * size, (number + 1) * size)
    assert sorted(slot_of_visit(visit, size, (1, rank)) for visit in visits) == list(range(size))


def test_passes_and_processes_have_orders_of_their_own() -> None:
    orders = {
        tuple(slot_of_visit(visit, 20, (1, rank)) for visit in range(20 * number, 20 * number + 20))
        for number in range(5)
        for rank in range(2)
    }
    assert len(orders) == 10


def test_a_lone_process_knows_what_it_told() -> None:
    peers = Peers(rank=0, world=1)
    old, new = cached([(3, [5])], 2), cached([(4, [6, 7]), (5, [])], 9)
    assert peers.share(News({"visits": 0}, {0: old, 1: old}, ())) == []
    peers.share(News({"visits": 1}, {1: new}, ()))
    holding = Holding.from_state(peers.holdings[0].state_dict())
    assert holding.positions == {"visits": 1}
    assert {slot: plain(batch) for slot, batch in holding.batches.items()} == {0: plain(old), 1: plain(new)}
