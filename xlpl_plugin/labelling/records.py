"""A label is a record: words and units, how sure they are, and whether a student may learn from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rapidfuzz.distance import Levenshtein

from xlpl_plugin.decoding import Hypothesis
from xlpl_plugin.decoding.confidence import utterance_confidence
from xlpl_plugin.decoding.hypothesis import NOTHING, word_spans
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines

if TYPE_CHECKING:
    from xlpl_plugin.emissions.source import Window

LABELS_FILE = "labels.jsonl"
# error of a recording in which nothing can be said
TOO_SHORT = "too short for a frame"


@dataclass(frozen=True)
class LabelRecord:
    """One line of ``labels.jsonl``.

    Attributes:
        id: the utterance.
        words: native-script words.
        units: their spelling, between spaces (an .ltr line).
        am_score: natural log probability of the best alignment, summed over the frames.
        lm_score: log10 probability of the words.
        score: what the decoder maximised: am_score + lm_weight * lm_score + word_score * words.
        frames: frames of the acoustic model.
        starts: for each unit the frame in which it begins.
        seconds: duration of the recording.
        confidence: how sure AM and LM are of the words, 0 to 1 (``decoding.confidence``).
        agreement: 1 - edits / length between the greedy units and ``units``, over the longer of the two, 0 to 1.
        greedy: the units of the acoustic model alone.
        greedy_score: natural log probability of the best path of the acoustic model alone.
        error: why there is no hypothesis; empty where there is one.
        kept: whether the label stands in the manifest that a student reads.
        reason: why not; empty where kept.
        weight: what the label counts in training.
        word_times: for each word the seconds in the recording where it begins and ends.
        word_confidences: for each word how sure AM and LM are of it, 0 to 1.
        alternatives: the other hypotheses, best first, as (text, score); none with decoder.nbest=1, nor for a
            recording that was decoded in several windows.
        voter: of a label by vote that had to be respelled in the first voter's units: number of the voter, from 2; else
            0, and not in the file.
    """

    id: str
    words: tuple[str, ...]
    units: str
    am_score: float
    lm_score: float
    score: float
    frames: int
    starts: tuple[int, ...]
    seconds: float
    confidence: float
    agreement: float
    greedy: str
    greedy_score: float
    error: str = ""
    kept: bool = True
    reason: str = ""
    weight: float = 1.0
    word_times: tuple[tuple[float, float], ...] = ()
    word_confidences: tuple[float, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()
    voter: int = 0

    @property
    def text(self) -> str:
        return " ".join(self.words)


def make_record(
    utterance_id: str,
    seconds: float,
    frames: int,
    best: Hypothesis | None,
    greedy: Hypothesis | None,
    *,
    windows: Sequence[Window] = (),
    alternatives: Sequence[Hypothesis] = (),
    error: str = "",
) -> LabelRecord:
    """Put a hypothesis into a record.

    Args:
        utterance_id: of the utterance.
        seconds: duration of the recording.
        frames: of the acoustic model.
        best: None means that there is none; ``error`` should say why.
        greedy: what the acoustic model says by itself, if anything.
        windows: where the frames lie in the recording; without them the words get no times.
        alternatives: the hypotheses after the best.
        error: why there is no hypothesis.
    """
    found, path = best or NOTHING, greedy or NOTHING
    unsaid = "the decoder's process died twice on it" if frames else TOO_SHORT
    return LabelRecord(
        id=utterance_id,
        words=found.words,
        units=" ".join(found.units),
        am_score=round(found.am_score, 4),
        lm_score=round(found.lm_score, 4),
        score=round(found.score, 4),
        frames=frames,
        starts=found.frames,
        seconds=seconds,
        confidence=round(utterance_confidence(found.confidences), 6),
        agreement=round(agreement(found.units, path.units), 6) if best else 0.0,
        greedy=" ".join(path.units),
        greedy_score=round(path.am_score, 4),
        error="" if best else error or unsaid,
        word_times=_word_times(found, windows) if windows else (),
        word_confidences=tuple(round(confidence, 6) for confidence in found.confidences),
        alternatives=tuple((" ".join(other.words), round(other.score, 4)) for other in alternatives),
    )


def _word_times(found: Hypothesis, windows: Sequence[Window]) -> tuple[tuple[float, float], ...]:
    """Return seconds in the recording; a word lies within one window, so its end is on that window's clock."""
    bounds = list(accumulate((window.frames for window in windows), initial=0))
    times = []
    at = 0
    for first, end in word_spans(found.units, found.frames, found.ends):
        while first >= bounds[at + 1]:
            at += 1
        window = windows[at]
        of_frame = window.seconds / window.frames
        start, stop = (window.start + (frame - bounds[at]) * of_frame for frame in (first, end))
        times.append((round(start, 3), round(stop, 3)))
    return tuple(times)


def agreement(units: Sequence[str], greedy: Sequence[str]) -> float:
    """Return 1 - edits / the longer length; two empty sequences agree."""
    return Levenshtein.normalized_similarity(units, greedy)


def record_line(record: LabelRecord) -> str:
    """Return the record's line of JSON, without the line's end."""
    values = {key: value for key, value in vars(record).items() if key != "voter" or value}
    return json.dumps(values, ensure_ascii=False)


def parse_record(line: str | bytes, file: str | Path, number: int | None = None) -> LabelRecord:
    """Read a record's line; ``file`` and line ``number`` are for the error.

    Raises:
        XlplError: it is none.
    """
    try:
        return LabelRecord(**{key: _frozen(value) for key, value in json.loads(line).items()})
    except (ValueError, AttributeError, TypeError) as error:
        names = ", ".join(field.name for field in fields(LabelRecord))
        raise XlplError(
            f"not a label record ({error})", file=file, line=number, expected=f"an object with {names}"
        ) from error


def _frozen(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    # one call for a list of numbers or words, which are long
    return tuple(map(_frozen, value)) if value and isinstance(value[0], list | dict) else tuple(value)


def iter_labels(file: str | Path) -> Iterator[LabelRecord]:
    """Yield the records of ``labels.jsonl`` one after the other, so that they need not fit in memory.

    Raises:
        XlplError: a line that is no record.
    """
    for number, line in enumerate(iter_lines(file), start=1):
        yield parse_record(line, file, number)


def read_labels(file: str | Path) -> list[LabelRecord]:
    """Read all of ``labels.jsonl``.

    Raises:
        XlplError: a line that is no record, or an id that stands twice.
    """
    records: dict[str, LabelRecord] = {}
    for number, record in enumerate(iter_labels(file), start=1):
        if record.id in records:
            raise XlplError(f"id {record.id!r} stands twice", file=file, line=number, expected="every id once")
        records[record.id] = record
    return list(records.values())
