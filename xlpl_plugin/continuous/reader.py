"""Audio of batches, read in a thread while the model trains on the batch before."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from xlpl_plugin.data.dataset import AudioDataset, Indices

Item = dict[str, Any]


class Reader:
    """Reads batches of one dataset, those that were announced ahead of their use."""

    def __init__(self, dataset: AudioDataset) -> None:
        self.dataset = dataset
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._coming: dict[tuple[int, ...], Future[list[Item]]] = {}

    def announce(self, *batches: Indices) -> None:
        """Begin to read what will be wanted next, and forget what was announced before and is not among it."""
        wanted = {tuple(rows.tolist()) for rows in batches}
        self._coming = {key: self._coming.get(key) or self._thread.submit(self._read, key) for key in sorted(wanted)}

    def read(self, rows: Indices) -> list[Item]:
        """Return the items of the rows.

        Raises:
            XlplError: as ``AudioDataset.__getitem__``.
        """
        key = tuple(rows.tolist())
        coming = self._coming.pop(key, None)
        return coming.result() if coming else self._read(key)

    def settle(self) -> None:
        """Wait for the thread to end its work: fairseq forks its own readers between updates."""
        wait(self._coming.values())

    def _read(self, rows: tuple[int, ...]) -> list[Item]:
        return [self.dataset[row] for row in rows]
