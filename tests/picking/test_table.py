"""The table goes out and comes back: nothing unseen is taken as true, and what is wrong is told by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.picking.table import (
    COLUMNS,
    Correction,
    TableRow,
    read_corrections,
    read_table,
    with_corrections,
    write_table,
)

ROWS = [
    TableRow("train/0", "audio/train/0.flac", "1.50", "la casa", "", "0.312"),
    TableRow("train/1", "audio/train/1.flac", "2.00", '"un gatto', "Un gatto, no?", "0.700"),
    TableRow("train/2", "audio/train/2.flac", "0.80", "", "-", "0.000"),
]
HEAD = "\t".join(COLUMNS) + "\n"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "table.tsv"
    write_table(file, ROWS)
    assert file.read_text(encoding="utf-8").splitlines()[1] == "train/0\taudio/train/0.flac\t1.50\tla casa\t\t0.312"
    assert read_table(file) == ROWS
    said = {"train/1": Correction(("Un", "gatto,", "no?")), "train/2": Correction(())}
    assert read_corrections(file) == said
    assert with_corrections(ROWS, {"train/0": Correction(("sì",))})[0].transcript == "sì"
    assert with_corrections(with_corrections(ROWS, {}), said) == ROWS


def test_a_new_table_says_nothing_of_what_is_true(tmp_path: Path) -> None:
    write_table(tmp_path / "table.tsv", ROWS[:1])
    assert read_corrections(tmp_path / "table.tsv") == {}


def test_no_cell_breaks_the_table(tmp_path: Path) -> None:
    write_table(tmp_path / "table.tsv", [TableRow("a", "a.flac", "1", "b", "one\ttwo\nthree ", "0")])
    assert read_corrections(tmp_path / "table.tsv") == {"a": Correction(("one", "two", "three"))}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("moved.tsv", "transcript\tnote\tid\r\nSì\tok\ta\r\n\t\tb\r\n—\t\tc\r\n"),
        ("sheet.csv", 'id,transcript\na,"Sì"\nb,\nc,–\n'),
        (
            "lines.jsonl",
            '{"id": "a", "transcript": "Sì"}\n{"id": "b", "transcript": null}\n{"id": "c", "transcript": "-"}',
        ),
    ],
)
def test_what_other_programs_save_is_read(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text("\ufeff" + content, encoding="utf-8", newline="")
    assert read_corrections(tmp_path / name) == {"a": Correction(("Sì",)), "c": Correction(())}


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("id\tlabel\na\tb\n", 1, "no column 'transcript'"),
        ("name,transcript\na,b\n", 1, "no column 'id' and 'transcript'"),
        ("id\ttranscript\na\tb\n\na\tc\n", 4, "id 'a' stands twice, first on line 2"),
        ("id\ttranscript\na\tb\tc\n", 2, "3 cells"),
        ("id\tid\ttranscript\na\tb\tc\n", 1, "two columns 'id'"),
        ("id\ttranscript\na\tgar\udce7on\n", 2, "UTF-8"),
        (HEAD, None, "holds no row"),
        ("", None, "holds no row"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(tmp_path: Path, content: str, line: int | None, problem: str) -> None:
    file = tmp_path / "table.tsv"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(XlplError, match=problem) as error:
        read_corrections(file)
    assert (error.value.file, error.value.line) == (file, line)
    assert error.value.expected


def test_a_file_that_is_no_table_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="no such file"):
        read_corrections(tmp_path / "table.tsv")
    with pytest.raises(XlplError, match="no table by its name"):
        read_corrections(tmp_path / "picked.eaf")
