"""From a full store of shards to what a student reads: filters, labels.jsonl and a manifest, without holding them."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from xlpl_plugin.data.manifest import Manifest, open_manifest, remove_split
from xlpl_plugin.data.units import SPECIAL_SYMBOLS, write_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import atomic_open, sha256
from xlpl_plugin.labelling.filtering.filters import Choice, FilterConfig, choose, gather
from xlpl_plugin.labelling.provenance import LabelStore, LabelSummary, Times
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, parse_record, record_line
from xlpl_plugin.shards.store import shard_order

logger = logging.getLogger(__name__)

# what markers of shards may tell about the work on them
_TIMES = ("seconds", "search_seconds")
# files that are open at a time while records are read in the manifest's order
_OPEN_FILES = 128


def finished(store: LabelStore, split: str, config: FilterConfig) -> LabelSummary | None:
    """Return what ``finish`` returned, if these filters were applied to the store and the results are there."""
    there = all((store.folder / name).exists() for name in (LABELS_FILE, f"{split}.tsv"))
    return store.facts.summary if there and store.facts.filter == _applied(config) else None


def _applied(config: FilterConfig) -> dict[str, Any]:
    """Return what decides which labels are kept."""
    return {**asdict(config), "sha256": {key: sha256(path) for key, path in config.files().items()}}


def remove_results(folder: Path, split: str) -> None:
    """Remove what ``finish`` wrote, of an earlier run or with other filters."""
    remove_split(folder, split)
    (folder / LABELS_FILE).unlink(missing_ok=True)


def finish(store: LabelStore, manifest: Manifest, split: str, filters: FilterConfig, **facts: Any) -> LabelSummary:
    """Filter the labels of a store without gaps and write labels.jsonl, {split}.tsv/.wrd/.ltr and dict.ltr.txt.

    Needs some numbers for each utterance in memory. ``facts`` are further ones for provenance.json.

    Raises:
        XlplError: a record too many or too few, or files of filters that cannot be used.
    """
    store.note(summary=None, filter=None)
    remove_results(store.folder, split)
    records = StoredRecords(store, manifest)
    choice = choose(gather(iter(records), filters), filters)
    write_units(store.folder, (store.facts.units or ())[len(SPECIAL_SYMBOLS) :])
    summary = _write(store.folder, split, manifest, records, choice)
    if not summary.kept:
        logger.warning("none of the %d labels of %s is kept: nothing to learn from", summary.utterances, store.folder)
    markers = [store.marker(number) for number in range(store.shards)]
    store.note(
        **facts,
        reasons=dict(sorted(Counter(reason.partition(":")[0] for reason in choice.reasons.values()).items())),
        times=Times(*(round(sum(marker.get(key, 0.0) for marker in markers), 1) for key in _TIMES)),
        filter=_applied(filters),
        summary=summary,
    )
    return summary


def _write(folder: Path, split: str, manifest: Manifest, records: StoredRecords, choice: Choice) -> LabelSummary:
    kept = words = 0
    kept_seconds = 0.0
    columns = ("wrd", "ltr", "weight") if (choice.weights != 1).any() else ("wrd", "ltr")
    with atomic_open(folder / LABELS_FILE) as labels, open_manifest(folder, split, manifest.root, columns) as add:
        for utterance, (position, record) in zip(manifest.utterances, records.in_order(), strict=True):
            reason = choice.reasons.get(position, "")
            weight = round(float(choice.weights[position]), 6)
            labels.write(record_line(replace(record, kept=not reason, reason=reason, weight=weight)) + "\n")
            if not reason:
                add(replace(utterance, words=record.text, units=record.units, weight=weight))
                kept, words, kept_seconds = kept + 1, words + len(record.words), kept_seconds + record.seconds
    return LabelSummary(
        utterances=len(manifest.utterances),
        kept=kept,
        seconds=round(manifest.seconds, 2),
        kept_seconds=round(kept_seconds, 2),
        words=words,
        filters=tuple(choice.rows),
    )


def records_of(store: LabelStore) -> Iterator[LabelRecord]:
    """Yield the records of a store without gaps, shard by shard, whatever manifest they are of."""
    for file in map(store.file, range(store.shards)):
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                yield parse_record(line, file, number)


class StoredRecords:
    """The records of a store without gaps.

    Iteration goes through the shards, which are sorted by length, and notes where each record lies; after that
    ``in_order`` reads them in the order of the manifest.
    """

    def __init__(self, store: LabelStore, manifest: Manifest) -> None:
        self._store, self._manifest = store, manifest
        self._size: int = store.settings["shard_size"]
        # position among the shards -> row of the manifest, and byte in its shard
        self._rows = shard_order(manifest.utterances)
        self._offsets = np.zeros(len(self._rows), dtype=np.int64)

    def __iter__(self) -> Iterator[LabelRecord]:
        for number in range(self._store.shards):
            position = number * self._size
            end = min(position + self._size, len(self._rows))
            offset = 0
            with self._store.file(number).open("rb") as stream:
                for line in stream:
                    if position == end:
                        raise self._other(number, "more records than utterances")
                    record = self._parse(line, number, position)
                    self._offsets[position] = offset
                    position, offset = position + 1, offset + len(line)
                    yield record
            if position < end:
                raise self._other(number, f"{end - position} records are missing")

    def in_order(self) -> Iterator[tuple[int, LabelRecord]]:
        """Yield (position in the iteration, record) for each row of the manifest."""
        with ExitStack() as stack:
            files: OrderedDict[int, IO[bytes]] = OrderedDict()
            stack.callback(lambda: [stream.close() for stream in files.values()])
            for position in np.argsort(self._rows).tolist():
                number = position // self._size
                if number not in files:
                    if len(files) >= _OPEN_FILES:
                        files.popitem(last=False)[1].close()
                    files[number] = self._store.file(number).open("rb")
                files.move_to_end(number)
                files[number].seek(int(self._offsets[position]))
                yield position, self._parse(files[number].readline(), number, position)

    def _parse(self, line: bytes, number: int, position: int) -> LabelRecord:
        record = parse_record(line, self._store.file(number), position % self._size + 1)
        wanted = self._manifest.utterances[self._rows[position]].id
        if record.id != wanted:
            raise self._other(number, f"a record of {record.id!r} in the place of {wanted!r}")
        return record

    def _other(self, number: int, problem: str) -> XlplError:
        return XlplError(
            problem,
            file=self._store.file(number),
            expected="one record for each utterance of the manifest",
            remedy="remove this shard and run the same command again",
        )
