"""Labels as `xlpl label` writes them, made of their words, and scores as `xlpl score` does, made of rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from xlpl_plugin.data.manifest import read_manifest, write_manifest
from xlpl_plugin.evaluation.scoring import Interval, Score, ScoreTable
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.records import LABELS_FILE, LabelRecord, read_labels, record_line


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


def filter_out(folder: Path, split: str, names: Iterable[str]) -> None:
    """Have the labels of a folder as if filters had dropped those of these names."""
    gone = set(names)
    records = [replace(one, kept=one.kept and one.id not in gone) for one in read_labels(folder / LABELS_FILE)]
    write_labels(folder, records)
    labels = read_manifest(folder, split)
    rows = tuple(row for row in labels.utterances if row.id not in gone)
    write_manifest(folder, split, replace(labels, utterances=rows))


def write_scores(file: Path, rates: dict[str, float]) -> Path:
    """Write a table of scores: name of a system -> WER and CER of its words; those of greedy are 0.1 higher."""
    rows = []
    for name, rate in rates.items():
        for kind, script, more in (("greedy", "romanised", 0.1), ("LM", "native", 0.0)):
            interval = Interval(rate + more, rate + more - 0.05, rate + more + 0.05)
            rows.append(Score(f"{name} {kind}", script, 4, 8, 1, 1, 1, interval, interval))  # type: ignore[arg-type]
    ScoreTable(tuple(rows)).write(file)
    return file
