"""What a report reads in a run: finished, stopped, half done, of an earlier version, broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xlpl_plugin.continuous.guard import RECORD
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_json
from xlpl_plugin.monitoring.best_round import Verdict
from xlpl_plugin.report.contents import Collapse, Continuous
from xlpl_plugin.report.gathering import gather
from xlpl_plugin.report.stages import CONTINUOUS


def test_a_result_decides_what_is_best(runs: Any, tmp_path: Path) -> None:
    standing = gather(runs.make(tmp_path, result={"best": 0, "model": "source/model.pt"})).standing
    assert (standing.outcome, standing.best, standing.model) == ("finished", 0, "source/model.pt")
    assert (standing.steps_done, standing.steps_planned, standing.rounds_planned) == (5, 5, 1)
    assert standing.zero_shot == Verdict(True, "the source AM hears the target", "")


def test_a_stopped_run_says_why_whatever_is_left_of_later_rounds(runs: Any, tmp_path: Path) -> None:
    steps = {**runs.done, "round-2/train": 3, "round-2/measure": -1}
    result = {"best": 1, "model": "round-1/model.pt", "stopped": "the labels changed by 1 %"}
    standing = gather(runs.make(tmp_path, steps, result)).standing
    assert (standing.outcome, standing.best, standing.reason) == ("stopped", 1, "the labels changed by 1 %")
    assert (standing.rounds_measured, standing.rounds_planned) == (1, 2)


def test_a_run_under_way_goes_by_its_result_so_far(runs: Any, tmp_path: Path) -> None:
    steps = {**runs.done, "round-2/train": None, "round-2/measure": -1}
    result = {"best": 0, "model": "source/model.pt", "finished": False}
    standing = gather(runs.make(tmp_path, steps, result)).standing
    assert (standing.outcome, standing.best, standing.next_step) == ("unfinished", 0, "round-2/train")
    assert (standing.steps_done, standing.steps_planned) == (5, 7)


def test_a_run_that_was_taken_up_again_is_not_finished(runs: Any, tmp_path: Path) -> None:
    result = {"best": 0, "model": "source/model.pt"}
    standing = gather(runs.make(tmp_path, {**runs.done, "round-0/measure": None}, result)).standing
    assert (standing.outcome, standing.next_step) == ("unfinished", "round-0/measure")


def test_what_was_made_before_its_source_changed_is_out_of_date(runs: Any, tmp_path: Path) -> None:
    report = gather(runs.make(tmp_path, {**runs.done, "round-0/measure": 9}))
    assert [step.status for step in report.steps] == ["done", "done", "done", "outdated", "outdated"]
    assert [entry.outdated for entry in report.rounds] == [False, True]
    assert "round 1" in report.remarks[0]


def test_a_round_that_is_to_be_done_again_is_out_of_date(runs: Any, tmp_path: Path) -> None:
    report = gather(runs.make(tmp_path, {**runs.done, "round-1/train": -1, "round-1/measure": -1}))
    assert [entry.outdated for entry in report.rounds] == [False, True]


def test_without_a_result_the_label_free_score_decides(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    runs.write_signals(run, 1, runs.signals(1.2))
    standing = gather(run).standing
    assert standing.best == 0
    assert "report" in standing.note


def test_a_former_run_without_plan_or_later_signals_is_read(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    for name in ("plan.json", "state.json", "config.yaml"):
        (run / name).unlink()
    file = run / "round-1" / "signals.json"
    told = json.loads(file.read_text())
    for later in ("evidence", "perplexity_lm", "valid_uer", "lm_perplexity"):
        del told["signals"][later]
    file.write_text(json.dumps(told))
    (run / "round-0" / "labels" / "speech").rename(run / "round-0" / "labels" / "train")
    report = gather(run)
    assert (report.standing.outcome, report.standing.best, report.steps) == ("unknown", 1, ())
    assert report.rounds[0].filtering is not None  # the split is train where no configuration names another
    assert any("plan.json" in remark for remark in report.remarks)


def test_a_round_that_has_only_begun_is_shown_as_far_as_it_is(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    (run / "round-2" / "training").mkdir(parents=True)
    report = gather(run)
    assert [entry.number for entry in report.rounds] == [0, 1, 2]
    assert (report.rounds[2].signals, report.rounds[2].filtering) == ({}, None)
    assert [training.name for training in report.trainings] == ["source", "round-1", "round-2"]
    assert report.trainings[2].log is None
    assert report.standing.best == 1


def test_labels_are_ranked_by_confidence_and_by_change(runs: Any, tmp_path: Path) -> None:
    examples = gather(runs.make(tmp_path)).rounds[1].examples
    assert [example.id for example in examples.surest] == ["d", "b", "a", "c"]
    assert [example.id for example in examples.least_sure] == ["c", "a", "b", "d"]
    assert [(change.id, change.edits) for change in examples.changed] == [("a", 2), ("c", 1)]
    assert examples.changed[0].before == "habari ya asubuhi"
    assert (examples.since, examples.surest[1].greedy) == (0, "dobroe utro")


def test_only_utterances_that_both_rounds_labelled_are_compared(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    other = [
        runs.record("d", "tatu", "t a t u |", 0.5),
        runs.record("e", "nne", "n n e |", 0.5),
        runs.record("a", "habari", "", 0.5),
    ]
    runs.write_labels(run / "round-0" / "labels" / "speech", other)
    changed = gather(run).rounds[1].examples.changed
    assert [(change.id, change.before, change.edits) for change in changed] == [("a", "habari", 3), ("d", "tatu", 1)]


def test_few_examples_of_many_labels_are_the_extreme_ones(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    many = [runs.record(f"u{i}", "neno", "n e n o |", (i * 37 % 100) / 100) for i in range(100)]
    runs.write_labels(run / "round-0" / "labels" / "speech", many)
    examples = gather(run).rounds[0].examples
    assert [example.confidence for example in examples.surest] == [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92]
    assert [example.confidence for example in examples.least_sure] == [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07]


def test_scores_are_found_in_the_run_and_elsewhere(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path / "run")
    assert gather(run).scores == ()
    elsewhere = runs.write_scores(tmp_path / "mine.json")
    assert [(row.system, row.round, row.greedy) for row in gather(run, elsewhere).scores[-3:]] == [
        ("round 1 LM", 1, False),
        ("topline greedy", None, True),
        ("topline LM", None, False),
    ]
    runs.write_scores(run / "score.json")
    assert gather(run).scores[1].wer == 0.7


def test_voters_of_round_0_have_tunings_and_votes(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    (run / "round-0" / "voter-1").mkdir()
    (run / "round-0" / "tuning").rename(run / "round-0" / "voter-1" / "tuning")
    provenance = run / "round-0" / "labels" / "speech" / "provenance.json"
    provenance.write_text(json.dumps({**json.loads(provenance.read_text()), "won": {"voter-1": 3, "voter-2": 1}}))
    report = gather(run)
    assert [tuning.name for tuning in report.tunings] == ["round-0/voter-1", "round-1"]
    assert report.rounds[0].filtering
    assert report.rounds[0].filtering.won == {"voter-1": 3, "voter-2": 1}


PHASE = {"start": 0, "score": 0.4, "start_score": 0.5, "taken": True, "collapse": ""}
PHASE_DONE = {"continuous/train": 6, "continuous/measure": 7}


def phase_run(runs: Any, folder: Path, **told: Any) -> Path:
    """A run whose rounds chose round 0, from which the phase went on."""
    run = runs.make(folder, {**runs.done, **PHASE_DONE}, {"best": 0, "model": "source/model.pt"})
    result = {"model": "continuous/model.pt", "continuous": {**PHASE, **told}}
    return Path(runs.add_phase(run, result, runs.signals(0.3, change=0.25)))


def test_a_phase_that_was_taken_is_the_best_and_stands_after_the_rounds(runs: Any, tmp_path: Path) -> None:
    report = gather(phase_run(runs, tmp_path))
    assert report.continuous == Continuous(start=0, taken=True, score=0.4, start_score=0.5, collapse=None)
    assert (report.standing.outcome, report.standing.best) == ("finished", CONTINUOUS)
    assert (report.standing.model, report.standing.rounds_measured) == ("continuous/model.pt", 1)
    assert [entry.title for entry in report.rounds] == ["round 0", "round 1", "continuous"]
    assert report.rounds[2].signals["change"] == 0.25
    assert [training.name for training in report.trainings] == ["source", "round-1", "continuous"]
    assert [tuning.name for tuning in report.tunings] == ["round-0", "round-1", "continuous"]
    assert report.continuous_log
    assert report.continuous_log.continuous["loss_labelled"] == ((20, 2.5), (40, 2.0))


def test_labels_of_the_phase_are_compared_with_those_that_it_started_from(runs: Any, tmp_path: Path) -> None:
    examples = gather(phase_run(runs, tmp_path)).rounds[2].examples
    assert examples.since == 0
    assert [(change.before, change.after) for change in examples.changed] == [("habari ya asubuhi", "habari za jioni")]


def test_a_phase_that_was_not_taken_leaves_the_best_round(runs: Any, tmp_path: Path) -> None:
    standing = gather(phase_run(runs, tmp_path, taken=False)).standing
    assert (standing.outcome, standing.best) == ("finished", 0)


def test_a_phase_under_way_leaves_the_run_unfinished(runs: Any, tmp_path: Path) -> None:
    steps = {**runs.done, "continuous/train": None, "continuous/measure": -1}
    run = runs.make(tmp_path, steps, {"best": 1, "model": "round-1/model.pt", "finished": False})
    report = gather(runs.add_phase(run))
    assert report.continuous == Continuous(start=1, taken=None, score=None, start_score=None, collapse=None)
    assert (report.standing.outcome, report.standing.best) == ("unfinished", 1)
    assert report.standing.next_step == "continuous/train"
    assert report.remarks == ("Not measured, or not yet: the continuous phase. There is no signals.json.",)


def test_a_phase_that_is_to_be_done_again_is_out_of_date(runs: Any, tmp_path: Path) -> None:
    run = phase_run(runs, tmp_path)
    runs.write_steps(run, {**runs.done, "continuous/train": -1, "continuous/measure": -1, "round-1/measure": -1})
    report = gather(run)
    assert [entry.outdated for entry in report.rounds] == [False, True, True]
    assert "Out of date: round 1 and the continuous phase." in report.remarks[0]
    assert report.standing.outcome == "unfinished"


def test_a_collapse_is_told_by_its_record_or_else_by_the_result(runs: Any, tmp_path: Path) -> None:
    run = phase_run(runs, tmp_path, taken=False, collapse="it fell silent")
    assert gather(run).continuous.collapse == Collapse("it fell silent", None, None)
    record = run / "continuous" / "training" / "checkpoints" / RECORD
    write_json(record, {"update": 40, "reason": "silence", "signals": {}, "reference": {}, "rolled_back_to": 20})
    assert gather(run).continuous.collapse == Collapse("silence", 40, 20)
    write_json(record, {"update": 40})
    with pytest.raises(XlplError, match=RECORD):
        gather(run)


def test_a_result_without_all_of_the_phase_is_refused(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path, result={"best": 0, "model": "source/model.pt"})
    runs.add_phase(run, {"continuous": {"start": 0}})
    with pytest.raises(XlplError, match=r"result\.json"):
        gather(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="holds no round"):
        gather(tmp_path)
    with pytest.raises(XlplError, match="no such file or folder"):
        gather(tmp_path / "nowhere")


def _truncate(file: Path) -> None:
    file.write_text(file.read_text()[: file.stat().st_size // 2])


def _empty(file: Path) -> None:
    file.write_text("{}" if file.name != "plan.json" else "[{}]")


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("round-1/signals.json", _truncate),
        ("round-0/signals.json", _empty),
        ("round-1/tuning/tune.json", _empty),
        ("round-0/labels/speech/labels.jsonl", _truncate),
        ("plan.json", _empty),
        ("state.json", _empty),
        ("score.json", _empty),
        ("result.json", _empty),
    ],
)
def test_a_broken_file_is_named(runs: Any, tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
    run = runs.make(tmp_path, result={"best": 1, "model": "round-1/model.pt"})
    runs.write_scores(run / "score.json")
    harm(run / name)
    with pytest.raises(XlplError, match=name.rpartition("/")[2]):
        gather(run)


def test_steps_without_a_state_are_all_open(runs: Any, tmp_path: Path) -> None:
    run = runs.make(tmp_path)
    runs.write_steps(run, dict.fromkeys(runs.done, -1))
    assert {step.status for step in gather(run).steps} == {"open"}
