"""ELAN's document goes out and comes back; what still has its question mark is not taken as true."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from picking.conftest import Material, pick
from pympi.Elan import Eaf

from xlpl_plugin.errors import XlplError
from xlpl_plugin.picking.elan import elan_language, read_elan
from xlpl_plugin.picking.table import Correction, read_corrections, read_table
from xlpl_plugin.picking.write import table_of_elan

Edit = Callable[[Any, list[tuple[int, int, str]]], None]


@pytest.fixture
def folder(picked: Path, tmp_path: Path) -> Path:
    shutil.copytree(picked, tmp_path / "picked")
    return tmp_path / "picked"


def edit(folder: Path, change: Edit) -> Path:
    """Change the document as a person does in ELAN, and save it; the change gets its transcripts by time."""
    file = folder / "picked.eaf"
    document = Eaf(str(file))
    change(document, sorted(document.get_annotation_data_for_tier("transcript")))
    document.to_file(str(file))
    return file


def write(document: Any, at: tuple[int, int, str], text: str) -> None:
    document.remove_annotation("transcript", (at[0] + at[1]) // 2)
    document.add_annotation("transcript", at[0], at[1], text)


def test_a_new_document_says_nothing_of_what_is_true(picked: Path) -> None:
    assert read_elan(picked / "picked.eaf") == {}
    document = Eaf(str(picked / "picked.eaf"))
    assert list(document.tiers) == ["transcript", "label", "id"]
    assert document.media_descriptors[0]["RELATIVE_MEDIA_URL"] == "./picked.wav"
    assert document.media_descriptors[0]["MEDIA_URL"] == (picked / "picked.wav").as_uri()
    assert all(text.startswith("?") for *_, text in document.get_annotation_data_for_tier("transcript"))


def test_what_a_person_wrote_comes_back_as_a_table(folder: Path) -> None:
    rows = read_table(folder / "table.tsv")

    def change(document: Any, said: list[tuple[int, int, str]]) -> None:
        write(document, said[0], "La casa, è rossa. ")
        write(document, said[1], "-")
        write(document, said[2], "")
        document.remove_annotation("transcript", sum(said[3][:2]) // 2)

    file = edit(folder, change)
    assert len(table_of_elan(file)) == 2
    assert read_corrections(folder / "corrected.tsv") == {
        rows[0].id: Correction(("La", "casa,", "è", "rossa.")),
        rows[1].id: Correction(()),
    }
    assert [row.label for row in read_table(folder / "corrected.tsv")] == [row.label for row in rows]
    with pytest.raises(XlplError, match="already holds results"):
        table_of_elan(file)
    table_of_elan(file, folder / "other.tsv")
    assert (folder / "other.tsv").read_bytes() == (folder / "corrected.tsv").read_bytes()


def test_parts_of_a_split_transcript_are_joined(folder: Path) -> None:
    def change(document: Any, said: list[tuple[int, int, str]]) -> None:
        for number, texts in enumerate((("la casa", "rossa"), ("un", "? gatto"))):
            start, end, _ = said[number]
            document.remove_annotation("transcript", (start + end) // 2)
            for first, last, text in ((start, start + 200, texts[0]), (start + 200, end + 100, texts[1])):
                document.add_annotation("transcript", first, last, text)

    first = read_table(folder / "table.tsv")[0].id
    assert read_elan(edit(folder, change)) == {first: Correction(("la", "casa", "rossa"))}


def lose_tier(document: Any, said: list[tuple[int, int, str]]) -> None:
    document.rename_tier("transcript", "translation")


def move_away(document: Any, said: list[tuple[int, int, str]]) -> None:
    document.add_annotation("transcript", 3_600_000, 3_601_000, "far off")


@pytest.mark.parametrize(
    ("change", "problem"),
    [(lose_tier, "no tier 'transcript', but .*'translation'"), (move_away, "'far off' at 3600.00 s belongs to no")],
)
def test_documents_that_were_changed_too_much(folder: Path, change: Edit, problem: str) -> None:
    file = edit(folder, change)
    with pytest.raises(XlplError, match=problem) as error:
        table_of_elan(file)
    assert error.value.file == file
    assert not (folder / "corrected.tsv").exists()


@pytest.mark.parametrize(
    "content", ["", "no xml", "<html/>", '<ANNOTATION_DOCUMENT VERSION="3.0"><TIER/></ANNOTATION_DOCUMENT>']
)
def test_what_is_no_document_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "picked.eaf").write_text(content)
    with pytest.raises(XlplError, match="not an ELAN document"):
        read_elan(tmp_path / "picked.eaf")


def test_the_table_beside_it_is_needed_and_must_be_its_own(folder: Path) -> None:
    file = edit(folder, lambda document, said: write(document, said[0], "sì"))
    lines = (folder / "table.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "table.tsv").write_text("".join([lines[0], *lines[2:]]), encoding="utf-8")
    with pytest.raises(XlplError, match=r"' is not in table\.tsv"):
        table_of_elan(file)
    (folder / "table.tsv").unlink()
    with pytest.raises(XlplError, match="no such file"):
        table_of_elan(file)


@pytest.mark.parametrize(
    ("code", "known"),
    [
        ("sw", ("swa", "Swahili (swa)")),
        ("zh_TW", ("zho", "Chinese (zho)")),
        ("haw", ("haw", "Hawaiian (haw)")),
        ("qaa", None),
    ],
)
def test_languages_are_told_as_elan_knows_them(code: str, known: tuple[str, str] | None) -> None:
    assert elan_language(code) == known


def test_tiers_name_the_language_where_elan_knows_it(material: Material, tmp_path: Path) -> None:
    assert pick(material, tmp_path / "sw", language="Swahili").notes == ()
    document = Eaf(str(tmp_path / "sw" / "picked.eaf"))
    assert document.languages == {"swa": (None, "Swahili (swa)")}
    assert [tier[2].get("LANG_REF") for tier in document.tiers.values()] == ["swa", "swa", None]
    notes = pick(material, tmp_path / "own", language="qaa").notes
    assert notes == ("ELAN knows no language 'qaa': the tiers of picked.eaf name none",)
    assert not Eaf(str(tmp_path / "own" / "picked.eaf")).languages
