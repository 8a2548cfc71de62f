"""The rule that chooses a round, applied again to runs whose error rates are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from study.round_choice import History, compare, histories
from support.healthy import HEALTHY
from support.study_records import make_cell, make_record, with_signals

from xlpl_plugin.monitoring.best_round import StopConfig

# a run whose held-out score stands still while words still get better, and then gets worse
SCORES = (0.911, 0.668, 0.618, 0.600, 0.602, 0.61)
RATES = (0.66, 0.51, 0.39, 0.37, 0.33, 0.35)


def history(language: str, scores: tuple[float, ...] = SCORES) -> History:
    signals = [replace(HEALTHY, held_out=score, change=0.2 if number else None) for number, score in enumerate(scores)]
    return History(language, tuple(signals), RATES)


def test_the_rule_ends_a_run_and_its_choice_is_held_against_all_rounds() -> None:
    lowest, earliest = (history("en").replay(StopConfig(tolerance=tolerance)) for tolerance in (0.0, 0.03))
    assert (round(lowest.regret, 6), lowest.rounds) == (4, 5)
    assert (round(earliest.regret, 6), earliest.rounds) == (6, 4)
    assert history("en").replay(StopConfig(patience=5)).rounds == 5  # no more were made


def test_a_language_is_told_by_what_is_best_for_the_others() -> None:
    falling = tuple(sorted(SCORES, reverse=True))
    table = compare([history(language, falling if language == "fr" else SCORES) for language in ("en", "fr", "it")])
    assert "3 runs of 3 languages, of 5 to 5 rounds." in table
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert ["0.03", "6.00", "6.0", "4.0", "6.00", "6.00", "6.00"] in cells
    assert [row for row in cells if row[:1] in (["en"], ["fr"])] == [["en", "0.01", "4.00"], ["fr", "0", "2.00"]]
    assert compare([history("en"), history("it")]).startswith("Not known yet")


def test_runs_are_of_peoples_speech_with_a_score_for_each_round(tmp_path: Path) -> None:
    wrong = {f"round-{number}": [4 - number, 3 - number] for number in range(4)}
    record = make_record(make_cell(tmp_path), wrong | {"continuous": [0, 0]}, "round-3")
    assert histories([record]) == []  # these records have no score on held-out audio
    full = with_signals(record, replace(HEALTHY, held_out=0.5))
    [found] = histories([full])
    assert (found.language, found.rates) == ("it", (7 / 8, 5 / 8, 3 / 8, 1 / 8))
    assert histories([replace(full, settings={"target": {"speech": "espeak"}})]) == []
    assert histories([replace(full, stages=full.stages[:3])]) == []
