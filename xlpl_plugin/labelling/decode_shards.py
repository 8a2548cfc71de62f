"""From emissions through the decoder's worker processes to shards of records, in one unbroken stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from xlpl_plugin.decoding.pool import Decoded, DecoderPool, Task
from xlpl_plugin.emissions.source import Emission, EmissionSource
from xlpl_plugin.labelling.join_windows import join
from xlpl_plugin.labelling.provenance import LabelStore
from xlpl_plugin.labelling.records import LabelRecord, make_record, record_line
from xlpl_plugin.shards.store import Part, Shards


class ShardsUnderWay:
    """Collects the records of shards that are being decoded and writes each shard as soon as it is whole."""

    def __init__(self, store: LabelStore, part: Part, check: Callable[[], None]) -> None:
        """``check`` is called before a shard is written; if it raises, the shard is not written."""
        self._store, self._part, self._check = store, part, check
        self._ids: dict[int, list[str]] = {}
        self._lines: dict[int, dict[str, str]] = {}
        self._failed: dict[int, int] = {}
        self._search_seconds: dict[int, float] = {}
        self._since = time.monotonic()

    def begin(self, number: int, ids: list[str]) -> None:
        self._ids[number] = ids
        self._lines[number], self._failed[number], self._search_seconds[number] = {}, 0, 0.0

    def add(self, number: int, record: LabelRecord, search_seconds: float) -> None:
        lines = self._lines[number]
        lines[record.id] = record_line(record)
        self._failed[number] += bool(record.error)
        self._search_seconds[number] += search_seconds
        if len(lines) == len(self._ids[number]):
            self._write(number)

    def _write(self, number: int) -> None:
        self._check()
        ids, lines = self._ids.pop(number), self._lines.pop(number)
        payload = "".join(f"{lines[name]}\n" for name in ids).encode()
        now = time.monotonic()
        summary = {
            "failed": self._failed.pop(number),
            "seconds": round(now - self._since, 3),  # since the shard before, so that they sum up
            "search_seconds": round(self._search_seconds.pop(number), 3),
        }
        self._since = now
        self._store.write(number, len(ids), lambda sink: sink.write(payload), summary, part=self._part)


def decode_shards(
    shards: Shards, numbers: Sequence[int], root: Path, source: EmissionSource, pool: DecoderPool, to: ShardsUnderWay
) -> None:
    """Decode the shards of these numbers; the workers do not wait where one ends and the next begins.

    A shard's emissions do not depend on which other shards are decoded with it.

    Raises:
        XlplError: an utterance that cannot be decoded, or what writing a shard raises.
    """
    waiting: dict[str, tuple[_WindowedRecording, int]] = {}

    def tasks(emissions: Iterator[Emission]) -> Iterator[Task]:
        for number in numbers:
            to.begin(number, [utterance.id for utterance in shards[number]])
            for emission in islice(emissions, shards.utterances(number)):
                recording = _WindowedRecording(number, emission)
                if recording.complete:  # nothing to decode
                    store(recording)
                for window, task in recording.tasks(emission):
                    waiting[task.id] = (recording, window)
                    yield task

    total = sum(map(shards.utterances, numbers))
    with (
        closing(source.stream_shards(root, map(shards.__getitem__, numbers))) as emissions,
        tqdm(total=total, desc="label", unit="utt", smoothing=0) as bar,
    ):

        def store(recording: _WindowedRecording) -> None:
            to.add(recording.shard, recording.record(), recording.search_seconds)
            bar.update()

        for decoded in pool.decode(tasks(emissions)):
            recording, window = waiting.pop(decoded.id)
            recording.decoded[window] = decoded
            if recording.complete:
                store(recording)


class _WindowedRecording:
    """An utterance whose windows are being decoded."""

    def __init__(self, shard: int, emission: Emission) -> None:
        self.shard = shard
        self.utterance, self.windows, self.error = emission.utterance, emission.windows, emission.error
        self.decoded: dict[int, Decoded] = {}
        # windows of some frames
        self._voiced = [number for number, window in enumerate(self.windows) if window.frames]

    @property
    def complete(self) -> bool:
        return len(self.decoded) == len(self._voiced)

    @property
    def search_seconds(self) -> float:
        return sum(decoded.search_seconds for decoded in self.decoded.values())

    def tasks(self, emission: Emission) -> Iterator[tuple[int, Task]]:
        """Yield (window, task); the id of a task of one among several windows is no utterance's id."""
        start = 0
        for number in self._voiced:
            end = start + self.windows[number].frames
            name = self.utterance.id
            if len(self._voiced) > 1:
                name += f"\twindow {number + 1} of {len(self.windows)}"
            yield number, Task(name, emission.log_probs[start:end], greedy=True)
            start = end

    def record(self) -> LabelRecord:
        frames = [self.windows[number].frames for number in self._voiced]
        found = [self.decoded[number] for number in self._voiced]
        failed = [number for number in self._voiced if not self.decoded[number].hypotheses]
        complete = bool(found) and not failed
        greedy = [decoded.greedy for decoded in found if decoded.greedy]
        return make_record(
            self.utterance.id,
            self.utterance.seconds,
            sum(frames),
            join([decoded.hypotheses[0] for decoded in found], frames) if complete else None,
            join(greedy, frames) if complete and len(greedy) == len(found) else None,
            windows=self.windows,
            alternatives=found[0].hypotheses[1:] if complete and len(found) == 1 else (),
            error=self.error or self._died(failed),
        )

    def _died(self, failed: Sequence[int]) -> str:
        """Name the windows at fault, if there are several; the record has words for a single one."""
        if not failed or len(self.windows) == 1:
            return ""
        places = ", ".join(f"{self.windows[n].start:.1f} s" for n in failed)
        return f"the decoder's process died twice on it, in the windows from {places}"
