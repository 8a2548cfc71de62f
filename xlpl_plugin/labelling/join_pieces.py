"""Labels of pieces put together again by recording, in the order of time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np

from xlpl_plugin.data.columns import TextColumn, TextIndex
from xlpl_plugin.data.segments import Segment, Segments
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, write_lines
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, parse_record


@dataclass(frozen=True, slots=True)
class Word:
    """A word, when it is said, in seconds from the beginning of its recording, and how sure it is, 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A label and where in which recording it belongs, in seconds; one line of the joined file."""

    recording: str
    start: float
    end: float
    id: str
    text: str
    confidence: float
    kept: bool
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class JoinSummary:
    """What was joined; ``missing`` pieces of these recordings have no label."""

    recordings: int
    labels: int
    missing: int


def join_labels(labels: str | Path, data: str | Path, out: str | Path, form: str = "jsonl") -> JoinSummary:
    """Write the labels of a folder of ``xlpl label``, by recording and time, to the file ``out``.

    An utterance that is no piece is a recording by itself. Labels that the filters left out are joined as well.

    Args:
        labels: a folder with labels.jsonl.
        data: the prepared folder with the file ``segments``.
        out: file to write.
        form: jsonl (a label a line), ctm (a word a line, with times), text (a recording a line).

    Raises:
        XlplError: a form that there is not, no such file, or no times of words for a ctm.
    """
    if form not in FORMS:
        raise XlplError(f"unknown form {form!r}", expected=f"one of {', '.join(FORMS)}")
    segments = {row.id: row for row in Segments.read(must_exist(data, "a prepared folder")).rows}
    placed = _PlacedLabels(Path(labels) / LABELS_FILE, segments)
    if form == "ctm":
        _refuse_timeless(placed, placed.file)
    write_lines(out, FORMS[form](placed))
    known = TextIndex(placed.ids)
    recordings = {segments[name].recording if name in segments else name for name in placed.ids}
    missing = sum(row.recording in recordings and known.find(row.id) is None for row in segments.values())
    return JoinSummary(len(recordings), len(placed.ids), missing)


class _PlacedLabels(Iterable[PlacedLabel]):
    """The labels of a file by recording and time, read again in this order; in memory are some numbers of each."""

    def __init__(self, file: Path, segments: Mapping[str, Segment]) -> None:
        self.file, self._segments = file, segments
        self.ids, self._offsets = TextColumn(), array("q")
        places = TextColumn()
        offset = 0
        with must_exist(file, "labels written by xlpl label").open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                record = parse_record(line, file, number)
                self.ids.append(record.id)
                self._offsets.append(offset)
                places.append(_sort_text(_where(record, segments.get(record.id))))
                offset += len(line)
        self._order = np.array(sorted(range(len(places)), key=places.__getitem__), np.int64)

    def __iter__(self) -> Iterator[PlacedLabel]:
        with self.file.open("rb") as stream:
            for row in self._order:
                stream.seek(self._offsets[row])
                record = parse_record(stream.readline(), self.file, int(row) + 1)
                yield place(record, self._segments.get(record.id))


def _where(record: LabelRecord, segment: Segment | None) -> Segment:
    return segment or Segment(record.id, record.id, 0.0, record.seconds)


def _sort_text(where: Segment) -> str:
    """Return a text that sorts by recording, then by time in microseconds, then by id."""
    return f"{where.recording}\0{where.start:020.6f}\0{where.end:020.6f}\0{where.id}"


def place(record: LabelRecord, segment: Segment | None = None) -> PlacedLabel:
    """Put a label where its piece lies in the recording; without a ``segment`` it is a recording by itself."""
    where = _where(record, segment)
    words = tuple(
        Word(text, round(where.start + start, 3), round(where.start + end, 3), confidence)
        for text, (start, end), confidence in zip(
            record.words, record.word_times, record.word_confidences or (0.0,) * len(record.words), strict=False
        )
    )
    return PlacedLabel(
        where.recording, where.start, where.end, record.id, record.text, record.confidence, record.kept, words
    )


def _refuse_timeless(placed: Iterable[PlacedLabel], source: Path) -> None:
    without = next((one for one in placed if one.text and not one.words), None)
    if without is not None:
        raise XlplError(
            f"{without.id} has no times of words",
            file=source,
            expected="labels with word_times",
            remedy="label again with this version, or take --form jsonl",
        )


def _json_lines(placed: Iterable[PlacedLabel]) -> Iterator[str]:
    return (json.dumps(asdict(one), ensure_ascii=False) for one in placed)


def _ctm_lines(placed: Iterable[PlacedLabel]) -> Iterator[str]:
    """Yield NIST's form: recording channel start duration word confidence."""
    for one in placed:
        yield from (ctm_line(one.recording, word) for word in one.words)


def ctm_line(recording: str, word: Word) -> str:
    """Return a word's line of a CTM; its fields stand between spaces, so that the name has none."""
    name = "_".join(recording.split())
    return f"{name} 1 {word.start:.3f} {word.end - word.start:.3f} {word.text} {word.confidence:.3f}"


def _text_lines(placed: Iterable[PlacedLabel]) -> Iterator[str]:
    for recording, pieces in groupby(placed, key=attrgetter("recording")):
        yield f"{recording}\t{' '.join(piece.text for piece in pieces if piece.text)}"


FORMS: dict[str, Callable[[Iterable[PlacedLabel]], Iterator[str]]] = {
    "jsonl": _json_lines,
    "ctm": _ctm_lines,
    "text": _text_lines,
}
