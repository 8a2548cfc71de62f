"""What the readers of corpora refuse, by the verb: said with its place and what to do, and nothing is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.preparing import hiss, save

from xlpl_plugin.cli import xlpl
from xlpl_plugin.data.segments import Speakers
from xlpl_plugin.data.summary import PrepareReport
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import write_lines


def table(*rows: str, name: str = "clips.tsv", encoding: str = "utf-8") -> Callable[[Path], Path]:
    """A table beside three recordings of 5 s."""

    def make(folder: Path) -> Path:
        for number in range(3):
            save(folder / f"r{number}.wav", hiss(5, seed=number))
        (folder / name).write_text("".join(f"{row}\n" for row in rows), encoding=encoding)
        return folder / name

    return make


def without_clips(folder: Path) -> Path:
    write_lines(folder / "validated.tsv", ["client_id\tpath\tsentence", "a\tc0.mp3\thello there"])
    return folder


def ljspeech(folder: Path) -> Path:
    save(folder / "wavs" / "r0.wav", hiss(2))
    write_lines(folder / "metadata.csv", ["r0;hello there"])
    return folder


def prepare(source: Path, out: Path, *words: str) -> Result:
    plain = ["--out", str(out), "--language", "en", "--valid", "0", "--test", "0", "--workers", "1"]
    return CliRunner().invoke(xlpl, ["prepare", "manifest", str(source), *plain, *words])


STRETCHES = "audio\ttext\tstart\tend"


@pytest.mark.parametrize(
    ("make", "words", "message"),
    [
        (without_clips, (), r"has no folder clips\n.*\n.*unpack the clips"),
        (ljspeech, (), r"metadata\.csv:1: 1 cells\n.*\n.*parted by ';': part them by '\|'"),
        (table("audio,text", "r0.wav,hello there"), (), r"clips\.tsv:1: no column 'audio'\n.*\n.*parted by ','"),
        (table("audio\ttext", "r0.wav\tperché no", encoding="latin-1"), (), r":2: .*another encoding(.|\n)*plain\.tsv"),
        (table("id\taudio", "a\tr0.wav", "a\tr1.wav"), (), r":3: duplicate id 'a', first on line 2"),
        (table(STRETCHES, "r0.wav\thello there\t4\t2"), (), r":2: .*ends at 2 s, and begins at 4 s"),
        (table(STRETCHES, "r0.wav\thello there\t4\t9"), (), r"no recording is left: 1 ends after its recording"),
        (table("audio\ttext", "r0.wav\thello there"), ("--language", "englsh"), "did you mean English"),
        (table("audio\ttext", "r0.wav\thello there"), ("--language", ""), "unknown language ''"),
        (table("audio\ttext", "r0.wav\thello there"), ("--language", "../../etc"), "unknown language"),
        (table("audio\ttext", "gone.wav\thello there"), (), r"gone\.wav: missing(.|\n)*--skip-unreadable"),
    ],
)
def test_refused(make: Callable[[Path], Path], words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = prepare(make(tmp_path / "in"), tmp_path / "out" / "en", *words)
    assert isinstance(result.exception, XlplError)
    assert re.search(message, str(result.exception)), str(result.exception)
    assert [path.name for path in tmp_path.iterdir() if path.name != "in"] in ([], ["out"])
    assert not list((tmp_path / "out").glob("*"))


def test_an_unknown_language_is_told_before_the_corpus_is_read(tmp_path: Path) -> None:
    result = prepare(tmp_path / "in", tmp_path / "out", "--language", "englsh")
    assert "unknown language" in str(result.exception)


def test_what_is_no_error_is_counted(tmp_path: Path) -> None:
    rows = "r0.wav\thello there\t0\t2\tana", "r0.wav\tgood day to you\t1\t4\t", "r1.wav\tbye now\t3\t9\tben"
    result = prepare(table(f"{STRETCHES}\tspeaker", *rows, "")(tmp_path / "in"), tmp_path / "out")
    assert result.exit_code == 0, result.exception
    assert "stretches that begin before the one before them ends: 1" in result.output
    assert "no speaker in 1 of 3 rows" in result.output
    report = PrepareReport.read(tmp_path / "out" / "prepare.json")
    assert [str(drop.reason) for drop in report.dropped] == ["implausible letters a second"]
    assert set(Speakers.read(tmp_path / "out").of.values()) == {"ana"}
