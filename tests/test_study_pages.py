"""Tables and pictures of the study, from records that the study's own code wrote: nothing is trained here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from study.cells import Cell, Question, read_questions
from study.columns import COLUMNS
from study.distances import inventory_distance, nearest_source
from study.pages import render_pages
from study.pool import ZERO_SHOT, Pool, best, chosen, stage
from study.records import TOPLINE, CellRecord
from support.study_records import make_record

from xlpl_plugin.errors import XlplError
from xlpl_plugin.evaluation.counting import bootstrap_rates

BASE = "questions: [toy]\nhours: {}\nsettings: {}\n"
TOY = """
question: A toy
tuned_on: [it]
columns: [zero-shot, round 1, chosen, chosen stage, best (oracle), regret, topline, closed %, perplexity of references]
pictures:
  - {title: Rounds}
  - {title: Perplexity, x: perplexity of references, y: chosen, line: target}
cells:
  - name: toy-${target.language}-${seed}
    for: {target.language: [it, fr], seed: [1, 2]}
    row: {target: "${target.language}"}
"""
# wrong words of four in each of six recordings
STAGES = {
    "round-0": [4, 3, 4, 2, 4, 3],
    "round-1": [2, 3, 2, 2, 4, 1],
    "round-2": [2, 2, 1, 1, 2, 1],
    "round-3": [1, 2, 1, 1, 2, 1],
    TOPLINE: [0, 1, 0, 0, 1, 0],
}
Page = Callable[..., str]


@pytest.fixture
def question(tmp_path: Path) -> Question:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "base.yaml").write_text(BASE)
    (tmp_path / "cells" / "toy.yaml").write_text(TOY)
    [one] = read_questions(tmp_path / "cells")
    return one


@pytest.fixture
def page(tmp_path: Path, question: Question) -> Page:
    """Render a page from records; it is made with a marker and prose around it."""

    def render(*records: CellRecord, text: str = "# Prose\n\n<!-- study:toy -->\n<!-- /study:toy -->\nMore.\n") -> str:
        file = tmp_path / "page.md"
        file.write_text(text)
        assert render_pages([question], {one.cell: one for one in records}, [file], tmp_path) == [file]
        return file.read_text()

    return render


def row_of(page: str, label: str) -> dict[str, str]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    [row] = [line for line in lines if line[0].removesuffix(" *") == label]
    return dict(zip(lines[0], row, strict=True))


def test_what_was_not_run_says_so(page: Page) -> None:
    empty = page()
    assert row_of(empty, "fr") == {
        **dict.fromkeys(row_of(empty, "fr"), "–"),
        **{"target": "fr", "seeds": "0 of 2", "zero-shot": "not run"},
    }
    assert empty.startswith("# Prose\n")
    assert empty.endswith("<!-- /study:toy -->\nMore.\n")
    assert "0 of 4 cells are done." in empty
    assert "![" not in empty


def test_a_row_is_of_all_its_seeds(page: Page, question: Question, tmp_path: Path) -> None:
    one, two, *_ = question.cells
    better = {**STAGES, "round-2": [0, 0, 1, 1, 2, 0]}
    text = page(make_record(one, STAGES, "round-2"), make_record(two, better, "round-2", commit="def456"))
    row = row_of(text, "it")
    assert row["target"] == "it *"
    assert row["seeds"] == "2 of 2"
    # 20 of 24 words, 13 errors in two times 24
    assert row["zero-shot"].startswith("83.3 [")
    assert row["chosen"].startswith(f"{100 * 13 / 48:.1f} [")
    assert row["chosen stage"] == "2, 2"
    # the first seed misses one word of 24 that its round 3 has
    assert row["regret"] == f"{(100 / 24) / 2:.1f}"
    assert row["closed %"].startswith(f"{100 * (40 - 13) / (40 - 4):.1f} [")
    assert row["perplexity of references"] == "120"
    assert "commit abc123, def456" in text
    assert "![Rounds](study-toy-1.png)" in text
    for number in (1, 2):
        assert (tmp_path / f"study-toy-{number}.png").read_bytes().startswith(b"\x89PNG")
    # rendered again, the page is the same
    again = page(make_record(one, STAGES, "round-2"), make_record(two, better, "round-2", commit="def456"), text=text)
    assert again == text


def test_a_question_without_a_marker_gets_a_page(question: Question, tmp_path: Path) -> None:
    made = tmp_path / "study-toy.md"
    assert render_pages([question], {}, [], tmp_path) == [made]
    assert made.read_text().startswith("# A toy\n\n<!-- study:toy -->\n| target |")


def test_a_marker_without_an_end_is_an_error(page: Page) -> None:
    with pytest.raises(XlplError, match=r"page\.md.*study:toy.*has no end"):
        page(text="<!-- study:toy -->\nprose that must stay\n")


def test_the_closed_share_is_paired(question: Question) -> None:
    cell: Cell = question.cells[0]
    pool = Pool({"target": "it"}, [make_record(cell, STAGES, "round-1")])
    closed = pool.closed(chosen)
    assert closed
    wrong = np.array([STAGES[name] for name in ("round-0", "round-1", TOPLINE)])
    zero, now, top = wrong.sum(axis=1)
    assert closed.value == (zero - now) / (zero - top)
    # by hand: the same utterances for all three
    rates = bootstrap_rates(wrong, np.full_like(wrong, 4), resamples=10_000, seed=1)
    shares = (rates[0] - rates[1]) / (rates[0] - rates[2])
    assert (closed.low, closed.high) == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])))
    by_the_best = pool.closed(best)
    assert by_the_best
    assert by_the_best.value > closed.value
    assert pool.closed(ZERO_SHOT)
    assert COLUMNS["best stage (oracle)"](pool).text == "3"


def test_without_a_gap_or_a_topline_nothing_is_closed(question: Question) -> None:
    cell = question.cells[0]
    level = {**STAGES, TOPLINE: STAGES["round-0"]}
    without = {name: counts for name, counts in STAGES.items() if name != TOPLINE}
    for stages in (level, without):
        pool = Pool({}, [make_record(cell, stages, "round-1")])
        assert pool.closed(chosen) is None
        assert COLUMNS["closed %"](pool).text == "–"


def test_rows_of_other_test_parts_are_not_added(question: Question) -> None:
    from dataclasses import replace

    one, two = (make_record(cell, STAGES, "round-1") for cell in question.cells[:2])
    with pytest.raises(XlplError, match="different test parts"):
        Pool({}, [one, replace(two, digest="other")])
    # a stage that one of the seeds lacks has no rate
    short = make_record(question.cells[1], {name: STAGES[name] for name in ("round-0", "round-1")}, "round-1")
    assert Pool({}, [one, short]).interval(stage("round-3")) is None
    assert Pool({}, [one, short]).interval(stage("round-1"))


def test_the_declared_questions_name_columns_that_there_are() -> None:
    for question in read_questions(Path(__file__).parents[1] / "benchmarks" / "study" / "cells"):
        file = question.file
        drawn = [name for picture in file.pictures if picture.x != "rounds" for name in (picture.x, picture.y)]
        compared = [file.agreement.of, file.agreement.truth] if file.agreement else []
        assert {*file.columns, *drawn, *compared} <= set(COLUMNS)
        labels = {picture.line for picture in file.pictures if picture.line}
        labels |= {file.agreement.within} if file.agreement else set()
        assert all(labels <= set(cell.row) for cell in question.cells), question.name


def test_the_nearest_source_is_not_of_the_targets_language(question: Question) -> None:
    record = make_record(question.cells[0], STAGES, "round-1")
    sources = {"asterisk": ["it", "fr", "ru"], "gcompris": ["it_IT"], "espeak": {"fi": 0, "tr": 5}}
    told = replace(record, settings={"target": {"language": "it"}, "sources": sources})
    assert nearest_source(told) == inventory_distance("fr", "it") == pytest.approx(0.44, abs=0.05)
    spoken = replace(told, settings={"target": {"language": "it"}, "sources": {"mbrola": {"fr": "fr1", "es": ""}}})
    assert nearest_source(spoken) == nearest_source(told)
    assert nearest_source(replace(record, settings={"sources": {"asterisk": ["it"]}})) is None
    assert inventory_distance("fr", "qaa") is None
