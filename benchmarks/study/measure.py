"""From a finished cell to its record. References are read here, when all that learns is over."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from machine import about

from study.cells import Cell
from study.plan import RUN, TEST, CellPlan
from study.records import CHARACTERS, TOPLINE, WORDS, CellRecord, LmRecord, StageRecord, SystemRecord, packed
from study.settings import changed
from study.steps import Place, Step, WorkFolder
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.evaluation.counting import EditCounts, count_characters, count_unspaced, count_words
from xlpl_plugin.evaluation.scoring import Score, score
from xlpl_plugin.evaluation.texts import References, System, read_references, read_systems
from xlpl_plugin.models.precision import computes_bf16
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.run.layout import RunLayout, labelled_stages
from xlpl_plugin.run.result import Result
from xlpl_plugin.run.state import StateFile
from xlpl_plugin.stage import SOURCE, Stage
from xlpl_plugin.text.lm import LM_REPORT, LmReport
from xlpl_plugin.text.perplexity import evaluate_lm, load_lm
from xlpl_plugin.tuning.tune import TUNE_FILE, read_tuning


def measure_cell(cell: Cell, plan: CellPlan, work: WorkFolder) -> CellRecord:
    """Score all stages, and gather what a table or a fit may ask for."""
    truth = read_references(_file(plan.materials.target.references, work), TEST)
    run = RunLayout(work.path(plan.run, RUN))
    result = Result.read(run.result)
    ids = list(truth.native)
    stages = tuple(_stage(run, stage, folder, truth) for stage, folder in labelled_stages(run.run, TEST).items())
    return CellRecord(
        cell=cell.name,
        question=cell.question,
        key=cell.key,
        settings=changed(cell.settings),
        row=dict(cell.row),
        machine=_machine(),
        date=datetime.now(UTC).date().isoformat(),
        minutes=round(read_manifest(_file(plan.materials.target.data, work), "train", labels=False).seconds / 60, 2),
        utterances=len(ids),
        digest=hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12],
        lengths=measure_lengths(truth, unspaced=stages[0].greedy.score.headline == "CER"),
        stages=stages,
        chosen=result.best_stage.folder,
        stopped=result.stopped,
        topline=_topline(plan.topline, work, truth),
        sources={name.rpartition("-")[2]: _own_test(step, work) for name, step in plan.source_tests.items()},
        source_seconds=_seconds(_source_run(plan, work), SOURCE),
        lm=_lm(plan, cell.settings.text.order, work, truth),
    )


def _machine() -> dict[str, str]:
    told = {name: text for name, text in about().items() if name != "load before"}
    return {**told, "precision": "bfloat16" if computes_bf16() else "32 bits"}


def _file(place: Place, work: WorkFolder) -> Path:
    assert place.step
    return work.path(place.step, place.path)


def _stage(run: RunLayout, stage: Stage, labels: Path, truth: References, name: str = "") -> StageRecord:
    systems = [measure_system(system, truth) for system in read_systems(labels, name or str(stage))]
    tuned = (run.tuning(stage) / TUNE_FILE).exists()
    return StageRecord(
        stage=name or stage.folder,
        seconds=_seconds(run, stage),
        measurement=Measurement.read(run.signals(stage)),
        evidence=read_tuning(run.tuning(stage)).evidence if tuned else None,
        greedy=systems[0],
        lm=systems[1] if len(systems) > 1 else None,
    )


def _topline(step: Step | None, work: WorkFolder, truth: References) -> StageRecord | None:
    """Return the topline, which is round 0 of a run whose source AM was trained on the transcripts."""
    if step is None:
        return None
    run, first = RunLayout(work.path(step, RUN)), Stage.round(0)
    return _stage(run, first, run.labels(first, TEST), truth, TOPLINE)


def measure_system(system: System, truth: References) -> SystemRecord:
    """Score a system, and keep the errors of each utterance."""
    [row] = score([system], truth)
    expected = truth.text(system.script)
    texts = [system.texts[key] for key in expected]
    characters = count_unspaced if row.headline == "CER" else count_characters
    counts = {WORDS: count_words(expected.values(), texts), CHARACTERS: characters(expected.values(), texts)}
    return SystemRecord(row, {unit: packed(found.errors) for unit, found in counts.items()})


def measure_lengths(truth: References, *, unspaced: bool = False) -> dict[str, dict[str, str]]:
    """Return script -> words or characters -> of each reference, packed."""
    characters = count_unspaced if unspaced else count_characters
    found: dict[str, dict[str, str]] = {}
    for script, texts in (("native", truth.native), ("romanised", truth.romanised)):
        if texts is not None:
            counts: dict[str, EditCounts] = {
                WORDS: count_words(texts.values(), texts.values()),
                CHARACTERS: characters(texts.values(), texts.values()),
            }
            found[script] = {unit: packed(count.length) for unit, count in counts.items()}
    return found


def _seconds(run: RunLayout, stage: Stage) -> float:
    """Return what the steps of a stage took."""
    steps = StateFile.read(run.state).steps
    return round(sum(step.seconds for name, step in steps.items() if name.partition("/")[0] == stage.folder), 1)


def _source_run(plan: CellPlan, work: WorkFolder) -> RunLayout:
    [source] = [step for step in plan.run.needs if step.kind == "source"]
    return RunLayout(work.path(source, RUN))


def _own_test(step: Step, work: WorkFolder) -> Score:
    """Score the source AM, greedy, on the test part of one of its languages."""
    [data] = [need for need in step.needs if need.kind != "source"]
    truth = read_references(work.path(data, "data"), TEST)
    [row] = score(read_systems(work.path(step, "labels"), step.name), truth)
    return row


def _lm(plan: CellPlan, order: int, work: WorkFolder, truth: References) -> LmRecord:
    """Return what the LM over words expects of the transcripts."""
    file = _file(plan.materials.text.lm, work)
    report = LmReport.read_if_there(file.parent / LM_REPORT)
    return LmRecord(order, report, evaluate_lm(load_lm(file), truth.native.values()))
