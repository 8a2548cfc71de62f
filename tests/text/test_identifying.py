"""Sentences of another language in the same script are counted, and only where that is sure."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from xlpl_plugin.cli import xlpl
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_lines, write_lines
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.identifying import (
    SAMPLE,
    Identifier,
    OtherLanguages,
    SentenceSample,
    can_identify,
    other_languages,
)

SWAHILI = [
    "watoto wanacheza nje ya nyumba yetu kila siku",
    "mvua kubwa ilinyesha leo asubuhi katika mji mkuu",
    "mama anapika chakula cha jioni jikoni kwake",
    "serikali ilitangaza mpango mpya wa elimu mwaka huu",
]
ENGLISH = ["open the file and press the button to go on", "this page has not been translated into your language yet"]


def test_english_in_swahili_is_counted() -> None:
    found = other_languages([*SWAHILI, *ENGLISH, "asante sana"], "sw")
    assert found == OtherLanguages(6, {"English": 2})
    assert str(found) == "33.3% of 6 sentences seem to be in another language: English 2"


@pytest.mark.parametrize("language", ["sw", "swa", "sw_KE"])
def test_its_own_sentences_are_its_own(language: str) -> None:
    assert other_languages(SWAHILI, language) == OtherLanguages(4)


def test_languages_that_are_written_alike_are_no_others() -> None:
    malay = "kerajaan telah mengumumkan bahawa sekolah akan dibuka semula pada minggu hadapan"
    assert not other_languages([malay], "id").found
    assert other_languages([malay], "sw").found


def test_of_an_unknown_language_nothing_is_said() -> None:
    assert other_languages(ENGLISH, "qaa") == OtherLanguages()
    assert not str(OtherLanguages())


def test_a_sample_is_random_and_always_the_same() -> None:
    first, again = SentenceSample(), SentenceSample()
    for sample in (first, again):
        for number in range(5 * SAMPLE):
            sample.add(f"a b c d {number}")
            sample.add("too short")
    assert first.sentences == again.sentences
    numbers = [int(sentence.split()[-1]) for sentence in first.sentences]
    assert len(numbers) == len(set(numbers)) == SAMPLE
    assert sum(numbers) / SAMPLE == pytest.approx(2.5 * SAMPLE, rel=0.1)


def test_the_report_of_a_text_tells_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join([*SWAHILI, *ENGLISH]))
    report = prepare_text("sw", [tmp_path / "a.txt"], tmp_path / "out")
    assert report.other_languages == OtherLanguages(6, {"English": 2})
    words = ["prepare", "text", str(tmp_path / "a.txt"), "--language", "sw", "--out", str(tmp_path / "told")]
    assert "in another language: English 2" in CliRunner().invoke(xlpl, words).output


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
