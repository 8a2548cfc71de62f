"""The study: steps that are done once, and the parts of folders and text that they take."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from study.part import draw_rows
from study.part import main as part
from study.steps import Place, Step, WorkFolder
from support.preparing import hiss, run, save

from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.summary import REPORT, PrepareReport
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_lines, write_lines
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.lock import locked
from xlpl_plugin.text.perplexity import load_lm


def lines_step(text: Path, number: int = 3, **more: bool) -> Step:
    words = ("part", "lines", str(text), "--lines", str(number), "--out", Place("out.txt"))
    return Step("text", "toy", (words,), **more)


def test_a_step_is_done_once(tmp_path: Path) -> None:
    write_lines(tmp_path / "text", map(str, range(10)))
    work, step = WorkFolder(tmp_path / "work"), lines_step(tmp_path / "text")
    # what a kill left is no result
    (work.path(step) / "half").mkdir(parents=True)
    (work.path(step) / "out.txt").write_text("half")
    work.do(step)
    assert len(read_lines(work.path(step, "out.txt"))) == 3
    assert not work.path(step, "half").exists()
    (tmp_path / "text").unlink()
    work.do(step)
    # of fewer lines each is among those of more
    write_lines(tmp_path / "text", map(str, range(10)))
    more = lines_step(tmp_path / "text", 5)
    work.do(more)
    assert set(read_lines(work.path(step, "out.txt"))) < set(read_lines(work.path(more, "out.txt")))


def test_a_step_that_another_process_does_is_waited_for(tmp_path: Path) -> None:
    write_lines(tmp_path / "text", map(str, range(10)))
    work, step = WorkFolder(tmp_path / "work"), lines_step(tmp_path / "text")
    waits = threading.Thread(target=work.do, args=(step,))
    with locked(RunLayout(work.path(step))):
        waits.start()
        waits.join(0.5)
        assert waits.is_alive()
        assert not work.is_done(step)
    waits.join()
    assert work.is_done(step)


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    write_lines(tmp_path / "text", ["one"])
    work, step = WorkFolder(tmp_path / "work"), lines_step(tmp_path / "text")
    with pytest.raises(XlplError, match="3 lines of 1") as caught:
        work.do(step)
    assert caught.value.file == work.path(step, "log.txt")
    assert not work.is_done(step)


def test_a_step_that_goes_on_finds_what_it_left(tmp_path: Path) -> None:
    write_lines(tmp_path / "text", map(str, range(10)))
    work, step = WorkFolder(tmp_path / "work"), lines_step(tmp_path / "text", goes_on=True)
    (work.path(step) / "half").mkdir(parents=True)
    work.do(step)
    assert work.path(step, "half").exists()


def test_rows_are_drawn_by_seconds() -> None:
    seconds = [1.0 + number % 5 for number in range(100)]
    rows = {wanted: draw_rows(seconds, wanted, seed=1) for wanted in (20.0, 60.0, 300.0)}
    assert all(abs(sum(seconds[row] for row in rows[wanted]) - wanted) <= 3 for wanted in rows)
    assert set(rows[20.0]) < set(rows[60.0]) < set(rows[300.0])
    assert rows[300.0] == list(range(100))
    assert rows[20.0] != draw_rows(seconds, 20.0, seed=2)
    with pytest.raises(XlplError, match="of 5"):
        draw_rows(seconds, 400, seed=1)


def test_a_part_of_a_prepared_folder(tmp_path: Path) -> None:
    items = [
        Item(f"{n}", save(tmp_path / f"{n}.wav", hiss(1 + n % 3, seed=n)), f"said {'abcdefgh'[n % 8]} {n * 'x'}")
        for n in range(16)
    ]
    whole = tmp_path / "whole"
    run(items, whole, test=0.2)
    assert (
        CliRunner().invoke(part, ["audio", str(whole), "--share", "0.5", "--out", str(tmp_path / "part")]).exit_code
        == 0
    )
    all_of_it, some = (read_manifest(folder, "train") for folder in (whole, tmp_path / "part"))
    assert set(some.utterances) < set(all_of_it.utterances)
    assert some.seconds == pytest.approx(all_of_it.seconds / 2, abs=1.0)
    assert read_manifest(tmp_path / "part", "test") == read_manifest(whole, "test")
    assert (tmp_path / "part" / "dict.ltr.txt").read_bytes() == (whole / "dict.ltr.txt").read_bytes()
    sizes = {one.part: one.utterances for one in PrepareReport.read(tmp_path / "part" / REPORT).parts}
    assert sizes["train"] == len(some.utterances)


def test_unigrams_are_relative_frequencies(tmp_path: Path) -> None:
    write_lines(tmp_path / "text", ["a a a b", "a b c c c c"])
    words = ["unigrams", str(tmp_path / "text"), "--vocabulary", "2", "--out", str(tmp_path / "lm.arpa")]
    assert CliRunner().invoke(part, words).exit_code == 0
    scores = [10**score for score, *_ in load_lm(tmp_path / "lm.arpa").full_scores("c a b", bos=False, eos=False)]
    assert scores == pytest.approx([0.5, 0.5, 1e-5], rel=0.01)
