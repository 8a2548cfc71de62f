"""Which files of folders and archives are read, and how the others are counted."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.corpus.prepare_text import prepare_text
from xlpl_plugin.text.documents.document_reader import DocumentReader
from xlpl_plugin.text.documents.finding import files_below


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    for name in ("b.TXT", "a.txt.gz", "b/c.md", "x.log", "b/y.LOG", "README", "z.json.gz", ".hidden.txt", "._b.TXT"):
        (folder / name).write_text("uno\n")
    return folder


def test_unknown_forms_are_counted(folder: Path) -> None:
    passed_over: Counter[str] = Counter()
    files = files_below(folder, passed_over)
    assert [str(file.relative_to(folder)) for file in files] == ["a.txt.gz", "b/c.md", "b.TXT"]
    assert passed_over == {".log": 2, "none": 1, ".json.gz": 1}


def test_linked_folders_are_read_once(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "d.txt").write_text("due\n")
    (folder / "b" / "circle").symlink_to(folder)
    (folder / "link").symlink_to(other)
    (folder / "again").symlink_to(other)
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    passed_over: Counter[str] = Counter()
    files = [str(file.relative_to(folder)) for file in files_below(folder, passed_over)]
    assert files == ["a.txt.gz", "again/d.txt", "b/c.md", "b.TXT"]
    assert passed_over["links to nothing, and what is no file"] == 1


def test_a_named_file_is_text_whatever_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("Uno.\n")
    prepare_text("it", [tmp_path / "a.log"], tmp_path / "out")
    assert (tmp_path / "out" / "text.txt").read_text() == "uno\n"


def test_members_of_unknown_form_and_other_xml(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.txt", "b.jpg", "c/d.xml", "__MACOSX/a.txt", ".x.txt", "in.zip"):
            archive.writestr(name, "uno" if name != "in.zip" else b"PK\x03\x04")
    (tmp_path / "build.xml").write_text("<project/>")
    with DocumentReader([tmp_path]) as reader:
        assert [piece.source.name for piece in reader.pieces()] == [f"{tmp_path}/a.zip/a.txt"]
        assert reader.passed_over == {".jpg": 1, ".xml": 2, ".zip": 1}


def test_nothing_to_read_names_what_was_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_text("x")
    with pytest.raises(XlplError, match=r"no text in .*passed over: 1 \.doc\n[\s\S]*\.docx"):
        prepare_text("it", [tmp_path], tmp_path / "out")


def test_a_report_names_what_was_passed_over(folder: Path, tmp_path: Path) -> None:
    report = prepare_text("it", [folder / "b"], tmp_path / "out")
    assert (report.passed_over, report.forms) == ({".log": 1}, {"md": 1})
