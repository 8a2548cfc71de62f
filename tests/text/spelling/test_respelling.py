"""A lexicon in the units of an acoustic model that it was not built for."""

from __future__ import annotations

from pathlib import Path

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.spelling.lexicon import Lexicon, build_lexicon, read_lexicon, write_lexicon
from xlpl_plugin.text.spelling.respelling import (
    LEXICON_FILE,
    UNSPELLED_FILE,
    LexiconSpeller,
    fit_lexicon,
    read_fitted,
    units_ratio,
)
from xlpl_plugin.text.spelling.speller import make_speller
from xlpl_plugin.text.symbols import LETTERS, PIECE_MARK, SPECIAL_SYMBOLS

ENGLISH = (*SPECIAL_SYMBOLS, *LETTERS)
RUSSIAN = (*SPECIAL_SYMBOLS, *"|абвгдеёжзийклмнопрстуфхцчшщъыьэюя")
PIECES = (*SPECIAL_SYMBOLS, PIECE_MARK, f"{PIECE_MARK}go", f"{PIECE_MARK}zh", *"abdegiluz", "lu", "ba")
WORDS = ["голуба", "год", "за", "жилда"]


@pytest.fixture
def romanised() -> Lexicon:
    return build_lexicon(WORDS, make_speller("unidecode"))


def spelled(lexicon: Lexicon) -> list[str]:
    return [f"{word} {' '.join(spelling)}" for word, spelling in lexicon.entries()]


def test_a_lexicon_in_the_models_units_is_left_as_it_is(romanised: Lexicon) -> None:
    fitted = fit_lexicon(romanised, ENGLISH)
    assert fitted.lexicon is romanised
    assert fitted.is_given
    assert fitted.units_ratio == 1


def test_words_are_respelled_in_their_order(romanised: Lexicon) -> None:
    fitted = fit_lexicon(romanised, RUSSIAN)
    assert spelled(fitted.lexicon) == ["год г о д |", "голуба г о л у б а |", "жилда ж и л д а |", "за з а |"]
    assert (fitted.respelled, fitted.lexicon.unspelled) == (4, ())
    assert fitted.units_ratio == units_ratio(romanised, fitted.lexicon) == 20 / 21


def test_letters_that_only_the_model_has_are_written() -> None:
    lexicon = build_lexicon(["über", "uhr", "straße", "wifi"], make_speller("unidecode"))
    said = Lexicon({**lexicon.spellings, "wifi": (tuple("waifai|"),)})
    fitted = fit_lexicon(said, (*ENGLISH, "ü"))
    assert spelled(fitted.lexicon) == ["straße s t r a s s e |", "uhr u h r |", "wifi w a i f a i |", "über ü b e r |"]
    assert fitted.respelled == 1


def test_pieces_have_no_boundary_and_come_in_the_fewest(romanised: Lexicon) -> None:
    marked = PIECE_MARK
    assert spelled(fit_lexicon(romanised, PIECES).lexicon) == [
        f"год {marked}go d",
        f"голуба {marked}go lu ba",
        f"жилда {marked}zh i l d a",
        f"за {marked} z a",
    ]


def test_letters_from_a_lexicon_of_pieces_and_of_native_letters(romanised: Lexicon) -> None:
    for lexicon in (fit_lexicon(romanised, PIECES).lexicon, build_lexicon(WORDS, make_speller("identity"))):
        assert fit_lexicon(lexicon, ENGLISH).lexicon.spellings == romanised.spellings


def test_spellings_that_fit_stay_and_others_of_the_word_go() -> None:
    spellings = {"a": (tuple("a|"), tuple("ä|")), "ä": (tuple("ä|"),), "q": (("Q", "|"),)}
    fitted = fit_lexicon(Lexicon(spellings), ENGLISH)
    assert spelled(fitted.lexicon) == ["a a |", "ä a |", "q q |"]
    assert fitted.respelled == 3


def test_a_word_sounds_as_the_lexicon_says() -> None:
    lexicon = Lexicon({"km": (tuple("kilometr|"),), "dóm": (tuple("dom|"),)})
    assert LexiconSpeller(lexicon, RUSSIAN).spell("km") == (tuple("километр|"),)
    # the lexicon does not know the word, but its way to romanise
    assert LexiconSpeller(lexicon, ENGLISH).spell("кот") == (tuple("kot|"),)


def test_what_the_units_cannot_write_is_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_lexicon(tmp_path / "given.txt", build_lexicon(["casa", "quiz", "gatto"], make_speller("unidecode")))
    fitted = read_fitted(tmp_path / "given.txt", (*RUSSIAN, "c"))
    assert fitted.lexicon.unspelled == ("quiz",)
    assert "given.txt: 2 words respelled" in caplog.text
    assert "given.txt: 1 words left out, which the units cannot write: quiz" in caplog.text
    file = fitted.write(tmp_path)
    assert file == tmp_path / LEXICON_FILE
    assert read_lexicon(file).spellings == fitted.lexicon.spellings
    assert (tmp_path / UNSPELLED_FILE).read_text() == "quiz\n"


def test_a_lexicon_that_the_units_cannot_write_is_refused(tmp_path: Path) -> None:
    write_lexicon(tmp_path / "given.txt", build_lexicon(["quiz", "quid", "aqua", "a"], make_speller("unidecode")))
    with pytest.raises(
        XlplError, match=r"given.txt: 1 of its 4 words can be spelled(.|\n)*there is none for 'q'\n"
    ) as bad:
        read_fitted(tmp_path / "given.txt", RUSSIAN)
    assert bad.value.remedy
