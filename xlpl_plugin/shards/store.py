"""Results in shards, so that a run that was killed goes on, and many machines share one corpus.

A store is a folder with ``provenance.json`` (the settings that made it, for people and for comparison) and
``shards/NNNNN.<suffix>``, each with a done marker ``shards/NNNNN.json`` that is written last and holds the count and
the sha256 of the shard. Without a marker that fits, a shard is not there.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from xlpl_plugin.data.utterances import Utterance, UtteranceColumns
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import PART, atomic_open, new_output, read_json, sha256, write_json
from xlpl_plugin.json_record import convert

logger = logging.getLogger(__name__)

PROVENANCE_FILE = "provenance.json"
_SHARDS = "shards"
# what every done marker holds
_FINGERPRINT = ("count", "sha256", "settings", "part")


class Part(NamedTuple):
    """Part ``number`` of ``of`` parts, counted from 1: the shards number - 1, number - 1 + of, ..."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read "2/8".

        Raises:
            XlplError: anything else.
        """
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise XlplError(f"part {text!r}", expected="i/n with 1 <= i <= n, such as 2/8")
        return cls(int(number), int(of))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def numbers(self, shards: int) -> range:
        """Return the part's shards of ``shards`` in all."""
        return range(self.number - 1, shards, self.of)


WHOLE = Part()


class Sink(Protocol):
    """What a payload is written to."""

    def write(self, data: bytes, /) -> int: ...


def shard_order(utterances: Sequence[Utterance]) -> npt.NDArray[np.int64]:
    """Return the rows of ``utterances``, the longest first (what does not fit in memory fails at once), then by id."""
    columns = UtteranceColumns.recordings(utterances)
    lengths = columns.samples
    rows = np.argsort(-lengths, kind="stable")
    starts = np.flatnonzero(np.diff(lengths[rows], prepend=-1))
    ends = np.append(starts, len(rows))[1:]
    several = ends - starts > 1
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        rows[start:end] = sorted(rows[start:end].tolist(), key=columns.id)
    return rows


class Shards(Sequence[tuple[Utterance, ...]]):
    """The shards of a manifest, each made when it is asked for: 8 bytes an utterance in memory."""

    def __init__(self, utterances: Sequence[Utterance], size: int) -> None:
        self._utterances, self.size = utterances, size
        self._rows = shard_order(utterances)

    def __len__(self) -> int:
        return -(-len(self._rows) // self.size)

    @overload
    def __getitem__(self, number: int) -> tuple[Utterance, ...]: ...
    @overload
    def __getitem__(self, number: slice) -> list[tuple[Utterance, ...]]: ...
    def __getitem__(self, number: int | slice) -> tuple[Utterance, ...] | list[tuple[Utterance, ...]]:
        if isinstance(number, slice):
            return [self[one] for one in range(len(self))[number]]
        start = range(len(self))[number] * self.size
        return tuple(self._utterances[row] for row in self._rows[start : start + self.size].tolist())

    def utterances(self, number: int) -> int:
        """Return how many utterances a shard has, without making it."""
        return min(self.size, len(self._rows) - number * self.size)


def divide(utterances: Sequence[Utterance], size: int) -> Shards:
    """Cut ``utterances``, in the order of ``shard_order``, into shards of ``size``; the last one may be smaller.

    Raises:
        XlplError: ``size`` is below 1.
    """
    if size < 1:
        raise XlplError(f"shard_size={size}", expected="a whole number of at least 1")
    return Shards(utterances, size)


# a dataclass: what provenance.json tells beside the settings; None stands for what is not known yet
Facts = TypeVar("Facts")


class ShardStore(Generic[Facts]):
    """A folder of shards; make one with ``open`` or ``existing``.

    Attributes:
        settings: what decides what the shards hold, as it is compared.
        facts: what else provenance.json tells; it is not compared.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], facts: Facts, suffix: str) -> None:
        self.folder, self.suffix = folder, suffix
        self.settings, self.facts = settings, facts
        self._digest = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()

    @classmethod
    def open(
        cls,
        folder: str | Path,
        settings: Mapping[str, Any],
        shards: int,
        facts: Facts,
        *,
        suffix: str = "jsonl",
        force: bool = False,
    ) -> ShardStore[Facts]:
        """Go on with the store of ``shards`` shards that is there, or begin one, which the first ``write`` creates.

        Args:
            settings: all that decides what the shards hold, as JSON; nested objects are compared key by key.
            facts: those of a new store; one that is there has its own.
            suffix: file name extension of the shards.
            force: throw away the shards that are there.

        Raises:
            XlplError: the folder holds something else, or shards of other settings (each difference is named).
        """
        folder = Path(folder)
        wanted = json.loads(json.dumps({**settings, "shards": shards}))
        if force:
            _remove(folder, suffix)
        if (folder / PROVENANCE_FILE).exists():
            store = cls.existing(folder, type(facts), suffix=suffix)
            refuse_other_settings(folder, store.settings, wanted)
            return store
        new_output(folder, force=force)
        return cls(folder, wanted, facts, suffix)

    @classmethod
    def existing(cls, folder: str | Path, facts: type[Facts], *, suffix: str = "jsonl") -> ShardStore[Facts]:
        """Open the store that is in ``folder``.

        Args:
            facts: the class of its facts.

        Raises:
            XlplError: there is none, or one of something else.
        """
        settings, told = _read_provenance(Path(folder) / PROVENANCE_FILE, facts)
        return cls(Path(folder), settings, told, suffix)

    @property
    def shards(self) -> int:
        return int(self.settings["shards"])

    def note(self, **facts: Any) -> None:
        """Replace some facts, and write provenance.json.

        Raises:
            XlplError: another machine began this store with other settings meanwhile.
        """
        if (self.folder / PROVENANCE_FILE).exists():
            settings, _ = _read_provenance(self.folder / PROVENANCE_FILE, type(self.facts))
            refuse_other_settings(self.folder, settings, self.settings)
        self.facts = replace(self.facts, **facts)  # type: ignore[type-var]
        known = {key: value for key, value in vars(self.facts).items() if value is not None}
        write_json(self.folder / PROVENANCE_FILE, {"settings": self.settings, **known})

    def file(self, number: int) -> Path:
        return self.folder / _SHARDS / f"{number:05d}.{self.suffix}"

    def marker(self, number: int) -> dict[str, Any]:
        """Return the done marker of a shard: count, sha256, part, and the summary that was written with it.

        Raises:
            XlplError: the shard is not finished.
        """
        marker: dict[str, Any] = read_json(self._marker_file(number))
        return marker

    def done(self, number: int) -> bool:
        """Say whether a shard has its marker; whether the shard fits it, ``missing`` finds out."""
        return self._marker_file(number).exists()

    def missing(self, part: tuple[int, int] = WHOLE) -> list[int]:
        """Return the shards of ``part`` that are still to be made; damaged ones count, and are said to be so.

        Reads all finished shards of the part, to compare their hashes.

        Raises:
            XlplError: a shard was made with other settings than the store's.
        """
        return [number for number in Part(*part).numbers(self.shards) if not self._intact(number)]

    def sweep(self, part: tuple[int, int] = WHOLE) -> None:
        """Remove what killed writers of ``part`` left half written. Nobody else may be writing that part."""
        for number in Part(*part).numbers(self.shards):
            for file in (self.folder / _SHARDS).glob(f".{number:05d}.*{PART}"):
                file.unlink(missing_ok=True)
        if Part(*part) == WHOLE:
            for file in self.folder.glob(f".*{PART}"):
                file.unlink(missing_ok=True)

    def write(
        self,
        number: int,
        count: int,
        payload: Callable[[Sink], object],
        summary: Mapping[str, Any] | None = None,
        *,
        part: tuple[int, int] = WHOLE,
    ) -> None:
        """Write a shard of ``count`` results, and its done marker with ``summary`` after it.

        ``payload`` gets an object with ``write(bytes)``; ``numpy.save`` takes it as a file. What it puts into
        ``summary`` is written too.

        Raises:
            XlplError: no space is left.
        """
        if not (self.folder / PROVENANCE_FILE).exists():
            self.note()
        marker = self._marker_file(number)
        marker.unlink(missing_ok=True)  # of a damaged shard
        # neither waits for the disk: what a power failure damages does not fit its marker and is made again
        with atomic_open(self.file(number), "wb", sync=False) as stream:
            sink = _HashingSink(stream)
            payload(sink)
        fingerprint = (count, sink.digest.hexdigest(), self._digest, str(Part(*part)))
        write_json(marker, {**dict(zip(_FINGERPRINT, fingerprint, strict=True)), **(summary or {})}, sync=False)

    def adopt(self, number: int, other: ShardStore[Any]) -> None:
        """Copy a finished shard and its marker from another store of the same settings."""
        marker = other.marker(number)
        summary = {key: value for key, value in marker.items() if key not in _FINGERPRINT}

        def copy(sink: Sink) -> None:
            with other.file(number).open("rb") as stream:
                while block := stream.read(1 << 20):
                    sink.write(block)

        self.write(number, marker["count"], copy, summary, part=Part.parse(marker["part"]))

    def _marker_file(self, number: int) -> Path:
        return self.folder / _SHARDS / f"{number:05d}.json"

    def _intact(self, number: int) -> bool:
        file, marker_file = self.file(number), self._marker_file(number)
        if not marker_file.exists():
            return False
        try:
            marker = self.marker(number)
            told, settings = marker["sha256"], marker["settings"]
        except (XlplError, KeyError, TypeError):
            told = settings = ""
        if settings and settings != self._digest:
            raise XlplError(
                "this shard was made with other settings than those in provenance.json",
                file=marker_file,
                expected="shards of one run in one folder",
                remedy="remove this shard, or start over with --force",
            )
        if not told or not file.exists() or sha256(file) != told:
            logger.warning("%s: damaged (it does not fit its marker); it is made again", file)
            return False
        return True


def _read_provenance(file: Path, facts: type[Facts]) -> tuple[dict[str, Any], Facts]:
    """Return the settings, and the rest as facts."""
    told = read_json(file)
    settings = told.pop("settings", None) if isinstance(told, dict) else None
    if not isinstance(settings, dict) or not isinstance(settings.get("shards"), int):
        raise XlplError(
            "not the provenance of a store of shards",
            file=file,
            expected="an object with the settings that made the shards",
            remedy="choose another folder, or add --force to overwrite this one",
        )
    return settings, convert(told, facts, file, holds="the provenance of such shards", written_by="xlpl")


class _HashingSink:
    def __init__(self, stream: Sink) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.digest.update(data)
        return self._stream.write(data)


def refuse_other_settings(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> None:
    """Raise ``XlplError`` that lists each setting in which ``new`` is other than ``old``, the settings of ``folder``.

    ``where`` says whose the new ones are.
    """
    flat_old, flat_new = dict(flat_settings(old)), dict(flat_settings(new))
    differing = [key for key in {**flat_old, **flat_new} if flat_old.get(key) != flat_new.get(key)]
    if not differing:
        return
    lines = [f"    {key}: {_shown(flat_old, key)} -> {_shown(flat_new, key)}" for key in differing]
    raise XlplError(
        f"made with other settings than {where or 'those asked for'}",
        file=folder,
        expected="\n".join(["the same ones; these differ (there -> here):", *lines]),
        remedy="set them back to go on with these shards, choose another folder, or start over with --force",
    )


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (key, value); the keys of nested objects are joined by dots."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat_settings(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _shown(flat: Mapping[str, Any], key: str) -> str:
    text = json.dumps(flat[key], ensure_ascii=False) if key in flat else "not set"
    return text if len(text) <= 80 else text[:77] + "..."


def _remove(folder: Path, suffix: str) -> None:
    """Remove a store. The provenance goes first: what is left is then no store of any settings."""
    (folder / PROVENANCE_FILE).unlink(missing_ok=True)
    number = "[0-9]" * 5 + "*"
    for pattern in (f"{number}.json", f"{number}.{suffix}", f".{number}.*{PART}"):
        for file in (folder / _SHARDS).glob(pattern):
            file.unlink(missing_ok=True)
