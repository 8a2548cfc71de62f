"""Sentences that are surely in another language of the same script."""

from __future__ import annotations

from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_lines, write_lines
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.identify import Identifier, can_identify


@pytest.mark.parametrize(
    ("language", "words", "other"),
    [
        ("sw", "watu wengi wanaishi katika mji mkuu wa nchi", ""),
        ("sw", "click the button to open the file menu and choose a colour", "en"),
        ("sw", "click the button", ""),  # too short to be sure of
        ("it", "la stampante non è collegata alla rete locale", ""),
        ("it", "this macro has been used to close the window of the document", "en"),
        ("no", "ungene leker med hunden i hagen hele dagen", ""),
    ],
)
def test_other_language(language: str, words: str, other: str) -> None:
    assert Identifier(language).other_language(words) == other


def test_a_language_that_it_does_not_know(tmp_path: Path) -> None:
    assert can_identify("swa")
    assert not can_identify("haw")
    write_lines(tmp_path / "a.txt", ["aloha"])
    with pytest.raises(XlplError, match="the language identifier does not know 'haw'"):
        prepare_text("haw", [tmp_path / "a.txt"], tmp_path / "out", TextOptions(identify=True))
    assert not (tmp_path / "out").exists()


def test_text_without_other_languages(tmp_path: Path) -> None:
    own = "watu wengi wanaishi katika mji mkuu wa nchi"
    write_lines(tmp_path / "a.txt", [own, "Click the button to open the file menu and choose a colour."])
    report = prepare_text("sw", [tmp_path / "a.txt"], tmp_path / "out", TextOptions(identify=True))
    assert report.left_out == {"in another language (en)": 1}
    assert read_lines(tmp_path / "out" / "text.txt") == [own]
