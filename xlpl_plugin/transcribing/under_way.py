"""Recordings on their way through the model: cut into pieces, and put together again when all pieces are heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.audio.reading import Waveform
from xlpl_plugin.audio.speech_activity import Span
from xlpl_plugin.data.segments import Segment
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.join_pieces import place
from xlpl_plugin.labelling.records import TOO_SHORT, LabelRecord
from xlpl_plugin.transcribing.recordings import Audio, OpenRecording
from xlpl_plugin.transcribing.transcript import Alternative, SpokenPiece, Transcript

# recordings are gathered, so that short ones share batches, until their pieces last so many seconds, or are so many
_GATHERED_SECONDS, _GATHERED = 240.0, 64


class _UnderWay:
    """One recording and what has been heard of it."""

    def __init__(self, number: int, name: str, recording: OpenRecording | None, error: str = "") -> None:
        self.number, self.name, self.recording, self.error = number, name, recording, error
        self.seconds = recording.seconds if recording else 0.0
        self.spans = recording.spans if recording else []
        self.heard: dict[int, SpokenPiece] = {}
        self.problems: list[str] = []

    @property
    def complete(self) -> bool:
        return len(self.heard) == len(self.spans)

    def close(self) -> None:
        if self.recording:
            self.recording.close()
            self.recording = None

    def transcript(self) -> Transcript:
        pieces = tuple(self.heard[number] for number in range(len(self.spans)))
        return Transcript(self.name, self.seconds, pieces, self.error or "; ".join(self.problems))


class Feed:
    """Gives the pieces of recordings to a model, and takes back what was heard, in any order.

    ``shards`` and ``read`` are called in other threads than ``add`` and ``finished``.
    """

    def __init__(self, audio: Iterable[Audio]) -> None:
        self._audio = audio
        self._waiting: deque[_UnderWay] = deque()
        self._by_number: dict[int, _UnderWay] = {}

    def shards(self) -> Iterator[list[Utterance]]:
        """Open the recordings one after the other; yield the pieces of some of them at a time."""
        gathered: list[Utterance] = []
        seconds, recordings = 0.0, 0
        for number, audio in enumerate(self._audio, start=1):
            pieces = self._open(number, audio)
            gathered += pieces
            seconds += sum(piece.seconds for piece in pieces)
            recordings += 1
            if seconds >= _GATHERED_SECONDS or recordings == _GATHERED:
                yield gathered
                gathered, seconds, recordings = [], 0.0, 0
        yield gathered

    def _open(self, number: int, audio: Audio) -> list[Utterance]:
        name = f"array-{number}" if isinstance(audio, np.ndarray) else str(audio)
        try:
            one = _UnderWay(number, name, OpenRecording(audio, name))
        except (XlplError, OSError) as error:
            one = _UnderWay(number, name, None, str(error))
        if not one.spans:
            one.close()
        self._by_number[number] = one
        self._waiting.append(one)
        return [Utterance(f"{number}/{place}", end - start) for place, (start, end) in enumerate(one.spans)]

    def read(self, root: Path, utterance: Utterance) -> Waveform:
        """Return the samples of a piece; there is no folder, so ``root`` says nothing."""
        one, place = self._of(utterance.id)
        if one.recording is None:
            raise XlplError("the recording was closed", file=one.name)
        return one.recording.read(*one.spans[place])

    def _of(self, piece_id: str) -> tuple[_UnderWay, int]:
        number, place = piece_id.split("/")
        return self._by_number[int(number)], int(place)

    def add(self, record: LabelRecord) -> None:
        """Take what was heard in a piece."""
        one, number = self._of(record.id)
        start, end = (sample / SAMPLE_RATE for sample in one.spans[number])
        if record.error and record.error != TOO_SHORT:
            one.problems.append(f"{start:.1f} to {end:.1f} s: {record.error}")
        one.heard[number] = _spoken(record, one.name, one.spans[number])
        if one.complete:
            one.close()

    def finished(self) -> Iterator[Transcript]:
        """Yield, in the order in which they were given, the recordings that are done and no earlier one is not."""
        while self._waiting and self._waiting[0].complete:
            one = self._waiting.popleft()
            del self._by_number[one.number]
            yield one.transcript()

    def close(self) -> None:
        for one in self._waiting:
            with suppress(OSError):
                one.close()


def _spoken(record: LabelRecord, name: str, span: Span) -> SpokenPiece:
    start, end = (sample / SAMPLE_RATE for sample in span)
    placed = place(record, Segment(record.id, name, start, end))
    others = tuple(Alternative(text, score) for text, score in record.alternatives)
    return SpokenPiece(round(start, 3), round(end, 3), placed.text, placed.confidence, placed.words, others)
