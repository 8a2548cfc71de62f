"""Spellers: words to units."""

from __future__ import annotations

import string

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.spelling.pieces import train_pieces
from xlpl_plugin.text.spelling.speller import make_romanizer, make_speller, units_line


@pytest.mark.parametrize(
    ("name", "word", "units"),
    [
        ("identity", "città", "c i t t à |"),
        ("unidecode", "città", "c i t t a |"),
        ("unidecode", "dell'", "d e l l ' |"),
        ("unidecode", "straße", "s t r a s s e |"),
        ("unidecode", "щука", "s h c h u k a |"),
        # the paper discards what does not become a letter, here the space between the syllables
        ("unidecode", "北京", "b e i j i n g |"),
    ],
)
def test_one_spelling_in_letters(name: str, word: str, units: str) -> None:
    assert make_speller(name).spell(word) == [tuple(units.split())]


@pytest.mark.parametrize("word", ["", "'", "…"])
def test_nothing_to_spell(word: str) -> None:
    assert make_speller("unidecode").spell(word) == []


@pytest.mark.slow  # uroman reads its tables for 5 seconds
def test_uroman() -> None:
    speller = make_speller("uroman")
    assert speller.spell("नमस्ते") == [tuple("namaste|")]
    assert speller.spell("…") == []
    assert speller.spell("привит") == [tuple("privit|")]
    assert make_speller("uroman", language="uk").spell("привит") == [tuple("pryvyt|")]


def test_unknown_speller() -> None:
    with pytest.raises(XlplError, match="one of unidecode, uroman, phonemes, identity"):
        make_speller("unidecod")


def test_line_of_units() -> None:
    assert units_line("c' è … là", make_speller("unidecode")) == "c ' | e | l a |"


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    text = ["hello world help held wild will well told the world"] * 3
    train_pieces(text, make_romanizer("unidecode"), folder, size=34, letters="'" + string.ascii_lowercase)
    return folder / "pieces.model"


def test_pieces_join_to_the_word_with_its_mark(pieces) -> None:
    speller = make_speller("unidecode", pieces)
    for word in ("héllo", "zigzag", "l'x"):
        (spelling,) = speller.spell(word)
        assert "".join(spelling) == "\u2581" + make_romanizer("unidecode")(word)[0]
    assert any(len(piece) > 2 for piece in speller.spell("world")[0])


def test_a_character_without_a_piece_leaves_no_spelling(pieces) -> None:
    assert make_speller("identity", pieces).spell("héllo") == []


def test_more_pieces_than_the_text_has(tmp_path) -> None:
    with pytest.raises(XlplError, match="300 pieces"):
        train_pieces(["a b"], make_romanizer("unidecode"), tmp_path, size=300)
    with pytest.raises(XlplError, match="no text"):
        train_pieces(["…", ""], make_romanizer("unidecode"), tmp_path, size=30)
    assert list(tmp_path.iterdir()) == []


def test_not_a_model(tmp_path) -> None:
    model = tmp_path / "pieces.model"
    with pytest.raises(XlplError, match="no such file"):
        make_speller("unidecode", model)
    model.write_bytes(b"hello")
    with pytest.raises(XlplError, match="not a sentencepiece model"):
        make_speller("unidecode", model)
