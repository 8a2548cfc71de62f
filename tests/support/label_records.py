"""Labels as `xlpl label` writes them, made of their words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, record_line


def record(key: str, words: str, greedy: str, confidence: float = 0.5, **more: Any) -> LabelRecord:
    """Return a label whose units are those of ``greedy``, unless ``more`` has others."""
    values: dict[str, Any] = {
        "units": greedy,
        "am_score": -1.0,
        "lm_score": -1.0,
        "score": -2.0,
        "frames": 10,
        "starts": (),
        "seconds": 1.5,
        "confidence": confidence,
        "agreement": 0.5,
        "greedy_score": -1.0,
        "kept": bool(words),
        "reason": "" if words else "empty: no word",
    }
    return LabelRecord(id=key, words=tuple(words.split()), greedy=greedy, **{**values, **more})


def write_labels(folder: Path, records: Iterable[LabelRecord]) -> Path:
    write_lines(folder / LABELS_FILE, map(record_line, records))
    return folder
