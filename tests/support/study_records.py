"""Records of cells as the study writes them, made of so many wrong words in each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from study.cells import Cell, read_questions
from study.measure import measure_lengths, measure_system
from study.records import TOPLINE, CellRecord, LmRecord, StageRecord
from study.settings import changed
from support.healthy import HEALTHY

from xlpl_plugin.evaluation.texts import References, System
from xlpl_plugin.monitoring.signals import DecoderWeights, Measurement, Signals
from xlpl_plugin.text.perplexity import HeldOut

SPOKEN = "a b c d"
_BASE = "questions: [toy]\nhours: {}\nsettings: {}\n"
_TOY = "question: A toy\ncolumns: [zero-shot]\ncells:\n  - {name: toy, row: {target: it}}\n"


def make_cell(folder: Path) -> Cell:
    """Write a study of one cell into ``folder``, and return the cell."""
    (folder / "base.yaml").write_text(_BASE)
    (folder / "toy.yaml").write_text(_TOY)
    [question] = read_questions(folder)
    [cell] = question.cells
    return cell


def with_signals(record: CellRecord, signals: Signals) -> CellRecord:
    """Return the record with these signals in each stage."""
    stages = [replace(one, measurement=replace(one.measurement, signals=signals)) for one in record.stages]
    return replace(record, stages=tuple(stages))


def make_record(cell: Cell, wrong: Mapping[str, Sequence[int]], chosen: str, commit: str = "abc123") -> CellRecord:
    """Return the record of a cell; ``wrong``: stage -> words (of 4) that are wrong in each utterance under the LM.

    The greedy output is wrong throughout.
    """
    texts = {str(number): SPOKEN for number in range(len(next(iter(wrong.values()))))}
    truth = References(Path("references"), "test", texts, texts)
    stages = {name: _stage(name, counts, truth) for name, counts in wrong.items()}
    top = stages.pop(TOPLINE, None)
    return CellRecord(
        cell=cell.name,
        question=cell.question,
        key=cell.key,
        settings=changed(cell.settings),
        row=dict(cell.row),
        machine={"cpu": "two cores", "precision": "32 bits", "commit": commit},
        date="2026-01-01",
        minutes=16.0,
        utterances=len(texts),
        digest="same",
        lengths=measure_lengths(truth),
        stages=tuple(stages.values()),
        chosen=chosen,
        stopped="",
        topline=top,
        sources={},
        source_seconds=60.0,
        lm=LmRecord(4, None, HeldOut(4, 16, 1, 100.0, 120.0)),
    )


def _stage(name: str, wrong: Sequence[int], truth: References) -> StageRecord:
    words = SPOKEN.split()
    said = {key: " ".join(["x"] * count + words[count:]) for key, count in zip(truth.native, wrong, strict=True)}
    greedy = System(f"{name} greedy", "romanised", dict.fromkeys(truth.native, "x x x x"), Path("labels"))
    lm = System(f"{name} LM", "native", said, Path("labels"))
    measured = Measurement(
        name, DecoderWeights(lm_weight=2.0, word_score=0.0, blank_penalty=1.0, beam=100), HEALTHY, ()
    )
    return StageRecord(name, 30.0, measured, None, measure_system(greedy, truth), measure_system(lm, truth))
