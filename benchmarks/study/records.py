"""What lasts of a cell: docs/results/cells/CELL.json, from which all tables and pictures are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.cells import Cell
from study.settings import TargetSettings
from xlpl_plugin.evaluation.scoring import Score
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.text.lm import LmReport
from xlpl_plugin.text.perplexity import HeldOut
from xlpl_plugin.tuning.evidence import Evidence

Counts = NDArray[np.int64]
WORDS, CHARACTERS = "words", "characters"
TOPLINE = "topline"


def packed(counts: Iterable[int]) -> str:
    """Return counts as one short text."""
    return " ".join(map(str, counts))


def unpacked(text: str) -> Counts:
    """Return the counts of a text that ``packed`` made."""
    return np.array(text.split(), dtype=np.int64)


@dataclass(frozen=True)
class SystemRecord:
    """One system on the test part. ``errors``: words or characters -> the errors of each utterance, packed."""

    score: Score
    errors: dict[str, str]


@dataclass(frozen=True)
class StageRecord:
    """One stage of a run, or the topline.

    Attributes:
        stage: the name of its folder, or topline.
        seconds: of all its steps.
        measurement: signals, alarms, and the decoder's weights, as signals.json has them.
        evidence: what `xlpl rank` goes by; None where the stage was not tuned.
        lm: None where nothing but the acoustic model decoded.
    """

    stage: str
    seconds: float
    measurement: Measurement
    evidence: Evidence | None
    greedy: SystemRecord
    lm: SystemRecord | None


@dataclass(frozen=True)
class LmRecord:
    """The target's LM over words: how it was built, and how well it predicts the transcripts of the test part.

    ``built`` is None for unigrams, which `xlpl lm` does not make.
    """

    order: int
    built: LmReport | None
    references: HeldOut


@dataclass(frozen=True)
class CellRecord(JsonRecord):
    """``CELL.json``.

    Attributes:
        settings: those that differ from their defaults, and ``key``, which stands for all of them.
        machine: of `benchmarks/machine.py`, with the commit, and the precision of the trainings.
        minutes: of the target's train part.
        utterances: how many the test part has, and a digest of their ids: records of one digest can be paired.
        lengths: script -> words or characters -> of each reference, packed.
        stages: rounds, 0 first, then the continuous phase where there is one.
        chosen: the stage that the run itself takes for its best.
        sources: language -> the source AM, greedy, on that language's own test part.
    """

    cell: str
    question: str
    key: str
    settings: dict[str, Any]
    row: dict[str, str]
    machine: dict[str, str]
    date: str
    minutes: float
    utterances: int
    digest: str
    lengths: dict[str, dict[str, str]]
    stages: tuple[StageRecord, ...]
    chosen: str
    stopped: str
    topline: StageRecord | None
    sources: dict[str, Score]
    source_seconds: float
    lm: LmRecord

    holds = "the record of a cell"
    written_by = "`make results`"

    @property
    def all_stages(self) -> dict[str, StageRecord]:
        stages = (*self.stages, *([self.topline] if self.topline else []))
        return {stage.stage: stage for stage in stages}

    @property
    def language(self) -> str:
        """The target's."""
        return str(self.settings.get("target", {}).get("language", TargetSettings.language))

    @property
    def is_human(self) -> bool:
        """Whether the target is people's speech, and not a synthesiser's."""
        return "speech" not in self.settings.get("target", {})

    @property
    def unit(self) -> str:
        """What the headline rate counts: characters where a segmenter made the words."""
        system = self.stages[0].lm or self.stages[0].greedy
        return CHARACTERS if system.score.headline == "CER" else WORDS

    def length(self, system: SystemRecord, unit: str) -> Counts:
        """Return the length of each reference, shape (N,), in the script of a system."""
        return unpacked(self.lengths[system.score.script][unit])


class RecordFolder:
    """The records of all cells that were ever finished."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, cell: Cell) -> Path:
        return self.folder / f"{cell.name}.json"

    def read(self, cell: Cell) -> CellRecord | None:
        """Return the record of a cell; None where it was not run, or with other settings."""
        record = CellRecord.read_if_there(self.file(cell))
        return record if record and record.key == cell.key else None

    def state(self, cell: Cell) -> str:
        if not self.file(cell).exists():
            return "not run"
        return "done" if self.read(cell) else "settings changed"

    def read_all(self, cells: Iterable[Cell]) -> Mapping[str, CellRecord]:
        """Return cell name -> record, of those that there are."""
        return {cell.name: record for cell in cells if (record := self.read(cell))}
