"""Words in whatever units an acoustic model has."""

from __future__ import annotations

import string

import pytest

from xlpl_plugin.text.spelling.lexicon import build_lexicon
from xlpl_plugin.text.spelling.speller import make_romanizer, make_speller
from xlpl_plugin.text.spelling.unit_speller import UnitSpeller, fewest, speller_of
from xlpl_plugin.text.symbols import LETTERS, PIECE_MARK, SPECIAL_SYMBOLS

RUSSIAN = "|абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
GERMAN = f"|{string.ascii_lowercase}äöü"


@pytest.mark.parametrize(
    ("units", "word", "spelling"),
    [
        (LETTERS, "città", "c i t t a |"),
        (LETTERS, "щука", "s h c h u k a |"),
        # letters that the model has stay, the others are romanised
        (GERMAN, "größe", "g r ö s s e |"),
        (RUSSIAN, "щука", "щ у к а |"),
        # і and и sound alike, ї is romanised to two letters
        (RUSSIAN, "їжі", "ы и ж и |"),
        ((*SPECIAL_SYMBOLS, PIECE_MARK, f"{PIECE_MARK}ca", "c", "a", "sa", "s"), "casa", f"{PIECE_MARK}ca sa"),
    ],
)
def test_spelling(units: str, word: str, spelling: str) -> None:
    assert UnitSpeller(units, make_romanizer("unidecode")).spell(word) == [tuple(spelling.split())]


@pytest.mark.parametrize(("units", "word"), [(LETTERS, ""), (LETTERS, "…"), (RUSSIAN, "quiz"), ("|ab", "abc")])
def test_no_spelling(units: str, word: str) -> None:
    assert UnitSpeller(units, make_romanizer("unidecode")).spell(word) == []


def test_fewest_and_of_them_the_longest_first() -> None:
    table = {key: key for key in ("a", "b", "ab", "ba", "aba")}
    assert fewest("abab", table) in [("ab", "ab"), ("aba", "b")]
    assert fewest("abab", table) == ("aba", "b")
    assert fewest("abc", table) is None
    assert fewest("", table) == ()


@pytest.mark.parametrize("name", ["unidecode", "identity"])
def test_speller_of_a_lexicon(name: str) -> None:
    lexicon = build_lexicon(["città", "è", "roma", "perché"], make_speller(name))
    assert speller_of(lexicon) == name


@pytest.mark.slow  # uroman reads its tables for 5 seconds
def test_speller_of_a_lexicon_by_uroman() -> None:
    lexicon = build_lexicon(["नमस्ते", "दुनिया", "किताब"], make_speller("uroman"))
    assert speller_of(lexicon) == "uroman"
