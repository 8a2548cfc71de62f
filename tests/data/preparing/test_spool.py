"""A spool gives back what went in, from memory and from its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.audio.reading import Waveform
from xlpl_plugin.data.preparing import spool as module
from xlpl_plugin.data.preparing.spool import Spool


@pytest.mark.parametrize("limit", [1 << 26, 1000])
def test_stretches_are_what_went_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", limit)
    samples = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    with Spool((samples[at : at + 700] for at in range(0, 5000, 700)), tmp_path) as spool:
        assert len(spool) == 5000
        for start, end in ((4000, 5000), (0, 10), (650, 1450), (0, 5000)):
            np.testing.assert_array_equal(spool.read(start, end), samples[start:end])
        assert spool.decibels == pytest.approx(10 * np.log10(np.mean(samples.astype(float) ** 2)))
    assert not list(tmp_path.iterdir())


def test_nothing_and_silence(tmp_path: Path) -> None:
    with Spool([], tmp_path) as spool:
        assert (len(spool), spool.decibels) == (0, -np.inf)
    with Spool([np.zeros(7, np.float32)], tmp_path) as spool:
        assert (len(spool), spool.decibels) == (7, -np.inf)


def test_an_error_of_the_blocks_closes_it(tmp_path: Path) -> None:
    def blocks() -> Iterator[Waveform]:
        yield np.zeros(7, np.float32)
        raise LookupError("damaged")

    with pytest.raises(LookupError):
        Spool(blocks(), tmp_path)
