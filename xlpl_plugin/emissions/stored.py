"""Log-probs in a folder: a store of shards, read piece by piece as they are asked for.

``shards/NNNNN.f32`` holds the frames of its utterances one after another (little-endian float32, a row a frame), its
done marker whose they are; ``provenance.json`` names the units, which are the columns.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.data.columns import TextColumn, TextIndex
from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.decoding import LogProbs
from xlpl_plugin.emissions.source import Emission, Window
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.shards.store import WHOLE, Part, ShardStore, Sink

SUFFIX = "f32"
_FLOAT = np.dtype("<f4")


@dataclass(frozen=True)
class EmissionFacts:
    """How log-probs were made (provenance.json): checkpoint and prepared folder that they are of, and the columns."""

    am: str = ""
    data: str = ""
    units: tuple[str, ...] | None = None


class Emissions:
    """Stored log-probs of one acoustic model. In memory are only a few numbers for each utterance.

    Attributes:
        folder: where they are.
        am_sha256: hash of the acoustic model's checkpoint.
        units: the columns, the blank first.
    """

    def __init__(self, folder: str | Path) -> None:
        """Open a folder that ``emit`` wrote.

        Raises:
            XlplError: the folder is missing, unfinished or not one of emissions.
        """
        self.folder = must_exist(folder, "a folder of emissions")
        self._store = ShardStore.existing(folder, EmissionFacts, suffix=SUFFIX)
        if missing := sum(not self._store.done(number) for number in range(self._store.shards)):
            raise XlplError(
                f"unfinished: {missing} of {self._store.shards} shards are missing",
                file=folder,
                expected="finished emissions",
                remedy="run the command that makes them again: it goes on where it was interrupted",
            )
        try:
            self.am_sha256: str = self._store.settings["am"]
            self.units: tuple[str, ...] = tuple(self._store.facts.units or ())
            self._index = _Index(map(self._store.marker, range(self._store.shards)))
        except (KeyError, TypeError, ValueError) as error:
            raise XlplError(
                f"not emissions ({type(error).__name__}: {error})", file=folder, expected="a folder that xlpl wrote"
            ) from error

    def __len__(self) -> int:
        return len(self._index.ids)

    def __getitem__(self, utterance_id: str) -> LogProbs:
        """Return one utterance's (frames, units) log-probs, read from its shard.

        Raises:
            KeyError: there is no such utterance.
            XlplError: the shard is shorter than it was.
        """
        row = self._index.row(utterance_id)
        if row is None:
            raise KeyError(utterance_id)
        return self._read(row)

    def _read(self, row: int) -> LogProbs:
        file = self._store.file(int(self._index.shards[row]))
        frames, width = int(self._index.frames[row]), len(self.units)
        start = int(self._index.starts[row]) * width * _FLOAT.itemsize
        values: LogProbs = np.fromfile(must_exist(file, "log-probs"), _FLOAT, count=frames * width, offset=start)
        if len(values) != frames * width:
            raise XlplError("damaged: it is too short", file=file, remedy="compute the emissions again")
        return values.reshape(frames, width)

    @property
    def ids(self) -> TextColumn:
        return self._index.ids

    def __iter__(self) -> Iterator[LogProbs]:
        """Yield the log-probs of all utterances, in the order in which they are stored."""
        return map(self._read, range(len(self)))

    def stream(self, manifest: Manifest) -> Iterator[Emission]:
        """Yield the emissions of ``manifest``'s utterances, in its order.

        Raises:
            XlplError: an utterance is not among them, or had another length when they were computed.
        """
        for utterance in manifest.utterances:
            row = self._index.row(utterance.id)
            if row is None or self._index.samples[row] != utterance.num_samples:
                was = "is not among them" if row is None else f"had {self._index.samples[row]} samples then"
                raise XlplError(
                    f"emissions of other audio: {utterance.id!r} {was}",
                    file=self.folder,
                    expected="emissions of every utterance of the manifest",
                    remedy="compute the emissions again for this split",
                )
            error = self._index.errors.get(utterance.id, "")
            yield Emission(utterance, self._read(row), self._index.windows(row, utterance.id), error)

    def stream_shards(self, root: Path, shards: Iterable[Sequence[Utterance]]) -> Generator[Emission, None, None]:
        """Stream as ``stream`` does, one shard after the other."""
        for utterances in shards:
            yield from self.stream(Manifest(root, tuple(utterances)))


class _Index:
    """Whose the frames are: columns with a row for each utterance."""

    def __init__(self, markers: Iterable[dict[str, Any]]) -> None:
        self.ids = TextColumn()
        columns: dict[str, list[np.ndarray]] = {"shards": [], "starts": [], "frames": [], "samples": []}
        self._several: dict[str, list[list[float]]] = {}
        self.errors: dict[str, str] = {}
        for number, marker in enumerate(markers):
            frames = np.array(marker["frames"], np.int64)
            self.ids.extend(marker["ids"])
            columns["shards"].append(np.full(len(frames), number))
            columns["starts"].append(np.cumsum(frames) - frames)
            columns["frames"].append(frames)
            columns["samples"].append(np.array(marker["samples"], np.int64))
            self._several.update(marker["windows"])
            self.errors.update(marker["errors"])
        self.row = TextIndex(self.ids).find
        empty = np.zeros(0, np.int64)
        joined = {name: np.concatenate([empty, *parts]) for name, parts in columns.items()}
        self.shards, self.starts = joined["shards"], joined["starts"]
        self.frames, self.samples = joined["frames"], joined["samples"]

    def windows(self, row: int, name: str) -> tuple[Window, ...]:
        if name in self.errors:
            return ()
        if name in self._several:
            return tuple(Window(int(frames), start, seconds) for frames, start, seconds in self._several[name])
        return (Window(int(self.frames[row]), 0.0, int(self.samples[row]) / SAMPLE_RATE),)


def write_shard(
    store: ShardStore[EmissionFacts], number: int, emissions: Iterable[Emission], count: int, *, part: Part = WHOLE
) -> None:
    """Write ``count`` emissions as they come; in memory is one at a time."""
    index: dict[str, Any] = {"ids": [], "samples": [], "frames": [], "windows": {}, "errors": {}}

    def write(sink: Sink) -> None:
        for emission in emissions:
            name = emission.utterance.id
            index["ids"].append(name)
            index["samples"].append(emission.utterance.num_samples)
            index["frames"].append(len(emission.log_probs))
            if len(emission.windows) > 1:
                index["windows"][name] = emission.windows
            if emission.error:
                index["errors"][name] = emission.error
            sink.write(np.ascontiguousarray(emission.log_probs, _FLOAT).tobytes())

    store.write(number, count, write, index, part=part)
