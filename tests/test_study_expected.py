"""Error rates told by signals: a line that is tried on languages that it was not fitted on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study.expected import LEVEL, Case, _compared, cases_of, fit, told, trials
from study.pages import put_between
from support.healthy import HEALTHY
from support.study_records import make_cell, make_record, with_signals

from xlpl_plugin.monitoring.expected_error import ErrorModel, ExpectedError, log_odds


def odds_to_rate(odds: float) -> float:
    return 1 / (1 + np.exp(-odds))


def make_cases(languages: str, offset: float = 0.3, seed: int = 1) -> list[Case]:
    """Labellings whose log odds are 6 times the label-free score less 4, off by something of each language's own."""
    rng = np.random.default_rng(seed)
    found = []
    for language in languages:
        own = offset * rng.standard_normal()
        for number, score in enumerate(np.linspace(0.9, 0.4, 6)):
            other = dict.fromkeys(("held_out", "evidence"), float(rng.random()))
            signals = replace(HEALTHY, label_free=float(score), confidence=float(rng.random()), **other)
            rate = odds_to_rate(6 * score - 4 + own)
            found.append(Case(language, f"round-{number}", signals, float(rate)))
    return found


def test_the_line_is_found_and_the_telling_signal_chosen() -> None:
    cases = make_cases("abcdef", offset=0.0)
    model = fit(cases, ("label_free",))
    assert model.coefficients["label_free"] == pytest.approx(6, rel=0.05)
    assert model.half_width < 0.05
    assert "label_free" in trials(cases)[0].signals
    expected = model.expected(cases[0].signals)
    assert expected
    assert expected.value == pytest.approx(cases[0].rate, abs=0.02)


def test_intervals_hold_about_as_many_new_languages_as_they_are_meant_to() -> None:
    shares = []
    for seed in range(12):
        model = fit(make_cases("abcde", seed=seed), ("label_free",))
        new = make_cases("".join(map(chr, range(100, 130))), seed=100 + seed)
        told_of = [(model.expected(case.signals), case.rate) for case in new]
        shares.append(np.mean([one.low <= rate <= one.high for one, rate in told_of if one]))
    assert LEVEL - 0.15 < np.mean(shares) < LEVEL + 0.15


def test_a_narrow_interval_that_misses_is_not_chosen_before_a_wide_one_that_holds() -> None:
    told_of = ExpectedError(0.5, 0.45, 0.55), ExpectedError(0.6, 0.3, 0.7)
    (narrow, wide) = (_compared(one, 0.6) for one in told_of)
    assert narrow == pytest.approx((10, 0, 10, 10 + 10 * 5))
    assert wide == pytest.approx((0, 1, 40, 40))
    cases = make_cases("abcdef")
    scores = [trial.score for trial in trials(cases)]
    assert scores == sorted(scores)
    assert all(trial.score >= trial.width for trial in trials(cases))


def test_each_language_counts_alike() -> None:
    cases = make_cases("abc")
    again = fit([*cases, *(case for case in cases if case.language == "a")], ("label_free",))
    assert again.intercept == pytest.approx(fit(cases, ("label_free",)).intercept, abs=1e-3)


def test_signals_that_are_not_known_tell_nothing(tmp_path: Path) -> None:
    model = fit(make_cases("abc"), ("label_free", "agreement"))
    assert model.expected(HEALTHY) is None
    model.write(tmp_path / "model.json")
    assert ErrorModel.read(tmp_path / "model.json") == model
    assert log_odds(1.4) == log_odds(0.95)
    assert ExpectedError(0.5, 0.4, 0.61).told() == "probably between 40 and 61 %"


def test_two_languages_are_too_few() -> None:
    few, enough = make_cases("ab"), make_cases("abcd")
    assert trials(few) == []
    assert told(few, trials(few)).startswith("Not known yet")
    assert "| label_free" in told(enough, trials(enough))


def test_cases_are_of_peoples_speech_and_known_signals(tmp_path: Path) -> None:
    record = make_record(make_cell(tmp_path), {"round-0": [4, 3], "round-1": [1, 2]}, "round-1")
    assert cases_of([record]) == []  # the signals of these records are not all known
    full = with_signals(record, replace(HEALTHY, label_free=0.5, held_out=0.5, evidence=1.0))
    assert [(case.language, case.stage, case.rate) for case in cases_of([full])] == [
        ("it", "round-0", 7 / 8),
        ("it", "round-1", 3 / 8),
    ]
    assert cases_of([replace(full, settings={"target": {"speech": "espeak"}})]) == []
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- study:x -->\nold\n<!-- /study:x -->\nb\n")
    assert put_between("x", lambda _: "new", [page]) == [page]
    assert page.read_text() == "a\n<!-- study:x -->\nnew\n<!-- /study:x -->\nb\n"
