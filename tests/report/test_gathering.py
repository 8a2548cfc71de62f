"""What a report reads in a run: finished, stopped, half done, of another version, broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.label_records import record

from xlpl_plugin.continuous.collapse import COLLAPSE_FILE, Collapse
from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.scoring import ScoreTable
from xlpl_plugin.labelling.provenance import read_facts
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.report.contents import Phase
from xlpl_plugin.report.gathering import gather
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import CONTINUOUS, Stage

pytestmark = pytest.mark.slow
FIRST, LAST, NEXT = Stage.round(0), Stage.round(1), Stage.round(2)
MakeCopy = Callable[[Path], Any]


@pytest.fixture
def run(copy: MakeCopy, tmp_path: Path) -> Any:
    return copy(tmp_path / "run")


def test_a_run_is_read_as_it_was_written(tiny_run: Path) -> None:
    report = gather(tiny_run)
    result = Result.read(tiny_run / "result.json")
    status = report.status
    assert (status.ending, status.best, status.model) == ("finished", result.best_stage, result.model)
    assert status.steps_done == status.steps_planned == len(report.steps) > 40
    assert (status.rounds_measured, status.rounds_planned) == (1, 1)
    assert status.zero_shot == result.verdict
    assert report.remarks == ()
    assert [entry.stage for entry in report.stages] == [FIRST, LAST, CONTINUOUS]
    for entry in report.stages:
        assert entry.measured == Measurement.read(tiny_run / entry.stage.folder / "signals.json")
        assert entry.labels == read_facts(tiny_run / entry.stage.folder / "labels" / "train")
        assert entry.summary
        assert entry.summary.utterances == entry.signal("utterances")
        assert entry.examples.surest
    assert [training.name for training in report.trainings] == ["source", "source-2", "round-1", "continuous"]
    assert all(training.log and training.command for training in report.trainings)
    assert report.scores == ScoreTable.read(tiny_run / "score.json").rows
    assert [(row.stage, row.greedy) for row in report.scores] == [
        (stage, greedy) for stage in (FIRST, LAST, CONTINUOUS) for greedy in (True, False)
    ]


def test_voters_of_round_0_have_tunings_and_votes(tiny_run: Path) -> None:
    report = gather(tiny_run)
    assert set(report.tunings) >= {"round-0/voter-2", "round-1"}
    labels = report.stages[0].labels
    assert labels
    assert labels.voters
    assert labels.summary
    assert [tally.won for tally in labels.voters.values()] != [0, 0]
    assert sum(tally.won for tally in labels.voters.values()) == labels.summary.utterances
    assert [Path(folder).parts[-3] for folder in labels.voters] == ["voter-1", "voter-2"]


def test_a_result_decides_what_is_best(run: Any) -> None:
    run.change_result(best=0, model="source/model.pt")
    run.change_phase(taken=False)
    status = gather(run.run).status
    assert (status.ending, status.best, status.model) == ("finished", FIRST, "source/model.pt")


def test_a_stopped_run_says_why_whatever_is_left_of_later_rounds(run: Any) -> None:
    run.plan_more("round-2/train", "round-2/measure")
    run.change_result(best=1, stopped="the labels changed by 1 %", continuous=None)
    status = gather(run.run).status
    assert (status.ending, status.best, status.reason) == ("stopped", LAST, "the labels changed by 1 %")
    assert (status.rounds_measured, status.rounds_planned) == (1, 2)


def test_a_run_under_way_goes_by_its_result_so_far(run: Any) -> None:
    done = len(run.plan.steps)
    run.plan_more("round-2/train", "round-2/measure")
    run.state.begin("round-2/train", "x")
    run.change_result(best=0, finished=False, continuous=None)
    status = gather(run.run).status
    assert (status.ending, status.best, status.next_step) == ("unfinished", FIRST, "round-2/train")
    assert (status.steps_done, status.steps_planned) == (done, done + 2)


def test_a_run_that_was_taken_up_again_is_not_finished(run: Any) -> None:
    run.state.begin("round-0/measure", "x")
    status = gather(run.run).status
    assert (status.ending, status.next_step) == ("unfinished", "round-0/measure")


def test_what_was_made_before_its_source_changed_is_out_of_date(run: Any) -> None:
    run.state.finish("round-1/collect", "x", 1.0)
    report = gather(run.run)
    status = {step.step.name: step.status for step in report.steps}
    assert {status[name] for name in run.names(FIRST)} == {"done"}
    assert status["round-1/collect"] == "done"
    assert {status[name] for name in run.names(LAST)[1:]} == {"outdated"}
    assert [entry.outdated for entry in report.stages[:2]] == [False, True]
    assert "round 1" in report.remarks[0]


def test_a_round_that_is_to_be_done_again_is_out_of_date(run: Any) -> None:
    run.forget(*run.names(LAST))
    assert [entry.outdated for entry in gather(run.run).stages[:2]] == [False, True]


def test_without_a_result_the_label_free_score_decides(run: Any) -> None:
    run.layout.result.unlink()
    run.change_signals(FIRST, held_out=0.5, label_free=0.5)
    run.change_signals(LAST, held_out=1.2, label_free=1.2)
    status = gather(run.run).status
    assert status.best == FIRST
    assert "report" in status.note


def test_a_run_without_plan_configuration_and_result_is_read(run: Any) -> None:
    for file in (run.layout.plan, run.layout.state, run.layout.config, run.layout.result):
        file.unlink()
    report = gather(run.run)
    assert (report.status.ending, report.steps) == ("unknown", ())
    assert report.stages[0].summary is not None  # the split is train where no configuration names another
    assert any("plan.json" in remark for remark in report.remarks)


def test_a_round_that_has_only_begun_is_shown_as_far_as_it_is(run: Any) -> None:
    best = gather(run.run).status.best
    (run.run / "round-2" / "training").mkdir(parents=True)
    report = gather(run.run)
    assert [entry.stage for entry in report.stages] == [FIRST, LAST, NEXT, CONTINUOUS]
    assert (report.stages[2].measured, report.stages[2].labels) == (None, None)
    assert [training.name for training in report.trainings[2:]] == ["round-1", "round-2", "continuous"]
    assert report.trainings[3].log is None
    assert report.status.best == best


def test_labels_are_ranked_by_confidence_and_by_change(run: Any) -> None:
    run.label_rounds()
    examples = gather(run.run).stages[1].examples
    assert [example.id for example in examples.surest] == ["d", "b", "a", "c"]
    assert [example.id for example in examples.least_sure] == ["c", "a", "b", "d"]
    assert [(change.id, change.edits) for change in examples.changed] == [("a", 2), ("c", 1)]
    assert examples.changed[0].before == "habari ya asubuhi"
    assert (examples.since, examples.surest[1].greedy) == (FIRST, "dobroe utro")


def test_only_utterances_that_both_rounds_labelled_are_compared(run: Any) -> None:
    run.label_rounds()
    other = [record("d", "tatu", "t a t u |"), record("e", "nne", "n n e |"), record("a", "habari", "")]
    run.label(FIRST, other)
    changed = gather(run.run).stages[1].examples.changed
    assert [(change.id, change.before, change.edits) for change in changed] == [("a", "habari", 3), ("d", "tatu", 1)]


def test_few_examples_of_many_labels_are_the_extreme_ones(run: Any) -> None:
    run.label(FIRST, [record(f"u{i}", "neno", "n e n o |", (i * 37 % 100) / 100) for i in range(100)])
    examples = gather(run.run).stages[0].examples
    assert [example.confidence for example in examples.surest] == [0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.93, 0.92]
    assert [example.confidence for example in examples.least_sure] == [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07]


def test_scores_are_found_in_the_run_and_elsewhere(run: Any, tiny_run: Path, tmp_path: Path) -> None:
    assert gather(run.run).scores == ()
    shutil.copyfile(tiny_run / "score.json", tmp_path / "mine.json")
    rows = ScoreTable.read(tiny_run / "score.json").rows
    report = gather(run.run, tmp_path / "mine.json")
    assert (report.scores, report.scores_file) == (rows, "mine.json")


def test_a_phase_that_was_taken_is_the_best_and_stands_after_the_rounds(run: Any) -> None:
    phase = run.take_phase()
    report = gather(run.run)
    assert report.continuous
    assert (report.continuous.start, report.continuous.result) == (Stage.round(phase.start), phase)
    assert (report.status.ending, report.status.best) == ("finished", CONTINUOUS)
    assert (report.status.model, report.status.rounds_measured) == ("continuous/model.pt", 1)
    assert report.stages[2].signal("change") is not None
    assert report.continuous_log
    assert report.continuous_log.continuous["loss_labelled"]


def test_labels_of_the_phase_are_compared_with_those_that_it_started_from(run: Any) -> None:
    run.change_phase(start=0)
    run.label_rounds()
    run.label(CONTINUOUS, [record("a", "habari za jioni", "h a |")])
    examples = gather(run.run).stages[2].examples
    assert examples.since == FIRST
    assert [(change.before, change.after) for change in examples.changed] == [("habari ya asubuhi", "habari za jioni")]


def test_a_phase_that_was_not_taken_leaves_the_best_round(run: Any) -> None:
    run.change_result(best=1)
    run.change_phase(taken=False)
    status = gather(run.run).status
    assert (status.ending, status.best) == ("finished", LAST)


def test_a_phase_under_way_leaves_the_run_unfinished(run: Any) -> None:
    run.change_result(best=1, finished=False, continuous=None)
    run.forget(*run.names(CONTINUOUS))
    run.layout.signals(CONTINUOUS).unlink()
    (run.layout.training(CONTINUOUS) / "checkpoints" / COLLAPSE_FILE).unlink()
    run.state.begin(run.names(CONTINUOUS)[0], "x")
    report = gather(run.run)
    assert report.continuous == Phase(start=LAST)
    assert (report.status.ending, report.status.best) == ("unfinished", LAST)
    assert report.status.next_step == run.names(CONTINUOUS)[0]
    assert report.remarks == ("Not measured, or not yet: the continuous phase. There is no signals.json.",)


def test_a_phase_that_is_to_be_done_again_is_out_of_date(run: Any) -> None:
    run.forget(*run.names(CONTINUOUS), "round-1/measure")
    report = gather(run.run)
    assert [entry.outdated for entry in report.stages] == [False, True, True]
    assert "Out of date: round 1 and the continuous phase." in report.remarks[0]
    assert report.status.ending == "unfinished"


def test_a_collapse_is_told_by_its_record_or_else_by_the_result(run: Any) -> None:
    file = run.layout.training(CONTINUOUS) / "checkpoints" / COLLAPSE_FILE
    written = Collapse.read(file)
    phase = gather(run.run).continuous
    assert phase
    assert phase.collapse == written
    assert phase.reason == written.reason == run.result.continuous.collapse != ""
    file.unlink()
    phase = gather(run.run).continuous
    assert phase
    assert (phase.collapse, phase.reason) == (None, written.reason)
    file.write_text("{}")
    with pytest.raises(XlplError, match=COLLAPSE_FILE):
        gather(run.run)


def test_a_result_without_all_of_the_phase_is_refused(run: Any) -> None:
    file = run.layout.result
    file.write_text(file.read_text().replace('"start_score"', '"first_score"'))
    with pytest.raises(XlplError, match=r"result\.json: .*start_score"):
        gather(run.run)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="holds no round"):
        gather(tmp_path)
    with pytest.raises(XlplError, match="no such file or folder"):
        gather(tmp_path / "nowhere")


def _truncate(file: Path) -> None:
    file.write_text(file.read_text()[: file.stat().st_size // 2])


def _empty(file: Path) -> None:
    file.write_text("{}")


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("round-1/signals.json", _truncate),
        ("round-0/signals.json", _empty),
        ("round-1/tuning/tune.json", _empty),
        ("round-0/labels/train/labels.jsonl", _truncate),
        ("round-0/labels/train/provenance.json", _empty),
        ("plan.json", _empty),
        ("state.json", _empty),
        ("score.json", _empty),
        ("result.json", _empty),
    ],
)
def test_a_broken_file_is_named(run: Any, tiny_run: Path, name: str, harm: Callable[[Path], None]) -> None:
    shutil.copyfile(tiny_run / "score.json", run.run / "score.json")
    harm(run.run / name)
    with pytest.raises(XlplError, match=name.rpartition("/")[2]):
        gather(run.run)


def test_steps_without_a_state_are_all_open(run: Any) -> None:
    run.layout.state.unlink()
    assert {step.status for step in gather(run.run).steps} == {"open"}
