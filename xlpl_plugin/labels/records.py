"""A label is a record: what was heard, how sure that is, and whether a student may learn from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from xlpl_plugin.decoding import Hypothesis
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import iter_lines, write_lines

LABELS_FILE = "labels.jsonl"


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
        confidence: exp(am_score / frames): the mean (geometric) probability of a frame of the decoded path, 0 to 1.
        agreement: 1 - edits / length between the greedy units and ``units``, over the longer of the two, 0 to 1.
        greedy: the units of the acoustic model alone.
        greedy_score: natural log probability of the best path of the acoustic model alone.
        error: why there is no hypothesis; empty where there is one.
        kept: whether the label stands in the manifest that a student reads.
        reason: why not; empty where kept.
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

    @property
    def text(self) -> str:
        return " ".join(self.words)


def make_record(
    utterance_id: str, seconds: float, frames: int, best: Hypothesis | None, greedy: Hypothesis | None
) -> LabelRecord:
    """Put a hypothesis into a record; ``best`` None means that the decoder failed, ``greedy`` None: no frames."""
    empty = Hypothesis((), (), 0.0, 0.0, 0.0, ())
    found, path = best or empty, greedy or empty
    error = "" if best else "the decoder's process died twice on it" if frames else "too short for a frame"
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
        confidence=round(math.exp(found.am_score / frames), 6) if best else 0.0,
        agreement=round(agreement(found.units, path.units), 6) if best else 0.0,
        greedy=" ".join(path.units),
        greedy_score=round(path.am_score, 4),
        error=error,
    )


def agreement(units: Sequence[str], greedy: Sequence[str]) -> float:
    """Return 1 - edits / the longer length; two empty sequences agree."""
    return Levenshtein.normalized_similarity(units, greedy)


def frames_needed(units: Sequence[str]) -> int:
    """Return the fewest frames in which CTC can emit ``units``: one each, and a blank between two alike."""
    return len(units) + sum(first == second for first, second in pairwise(units))


def write_labels(file: str | Path, records: Iterable[LabelRecord]) -> None:
    write_lines(file, (json.dumps(asdict(record), ensure_ascii=False) for record in records))


def read_labels(file: str | Path) -> list[LabelRecord]:
    """Read ``labels.jsonl``.

    Raises:
        XlplError: a line that is no record, or an id that stands twice.
    """
    names = {field.name for field in fields(LabelRecord)}
    records: dict[str, LabelRecord] = {}
    for number, line in enumerate(iter_lines(file), start=1):
        try:
            value = json.loads(line)
            record = LabelRecord(**{**value, "words": tuple(value["words"]), "starts": tuple(value["starts"])})
        except (ValueError, KeyError, TypeError) as error:
            raise XlplError(
                f"not a label record ({error})", file=file, line=number, expected=f"an object with {', '.join(names)}"
            ) from error
        if record.id in records:
            raise XlplError(f"id {record.id!r} stands twice", file=file, line=number, expected="every id once")
        records[record.id] = record
    return list(records.values())
