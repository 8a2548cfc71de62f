"""The lexicon: built, written, read back, refused."""

from __future__ import annotations

import pytest

from xlpl_plugin.data.units import LETTERS, SPECIAL_SYMBOLS
from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.spelling.lexicon import build_lexicon, count_words, read_lexicon, write_lexicon
from xlpl_plugin.text.spelling.speller import make_speller

UNITS = (*SPECIAL_SYMBOLS, *LETTERS)
SPELLER = make_speller("unidecode")


class TwoWays:
    """Spells every word with and without a doubled last letter."""

    def spell(self, word: str) -> list[tuple[str, ...]]:
        return [(*word, "|"), (*word, word[-1], "|"), (*word, "|")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("casa\tc a s a |\nciao\tc i a o <s>\n", r"lexicon\.txt:2: the spelling of 'ciao' uses '<s>'"),
        ("ciao c i a o |\n", r"lexicon\.txt:1: cannot read"),
        ("ciao\t\n", r"lexicon\.txt:1: cannot read"),
        ("due parole\td u e |\n", r"lexicon\.txt:1: cannot read"),
        ("due\td u e |\n<unk>\tu n k |\n", r"lexicon\.txt:2: <unk> is a mark of language models, not a word"),
        ("", r"lexicon\.txt: empty lexicon"),
    ],
)
def test_bad_lexicon(tmp_path, content: str, message: str) -> None:
    file = tmp_path / "lexicon.txt"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(XlplError, match=message):
        read_lexicon(file)


def test_round_trip_keeps_native_words_and_all_spellings(tmp_path) -> None:
    lexicon = build_lexicon(["là", "li"], TwoWays())
    write_lexicon(tmp_path / "lexicon.txt", lexicon)
    assert (tmp_path / "lexicon.txt").read_text("utf-8") == "li\tl i |\nli\tl i i |\nlà\tl à |\nlà\tl à à |\n"
    assert read_lexicon(tmp_path / "lexicon.txt").spellings == lexicon.spellings


def test_order_minimum_count_and_limit() -> None:
    counts = count_words(["b a c", "b a", "b d"])
    assert list(build_lexicon(counts, SPELLER).spellings) == ["b", "a", "c", "d"]
    assert list(build_lexicon(counts, SPELLER, min_count=2).spellings) == ["b", "a"]
    assert list(build_lexicon(counts, SPELLER, max_words=3).spellings) == ["b", "a", "c"]


def test_words_that_cannot_be_spelled_are_reported() -> None:
    lexicon = build_lexicon(["ciao", "…"], SPELLER)
    assert list(lexicon.entries()) == [("ciao", tuple("ciao|"))]
    assert lexicon.unspelled == ("…",)


def test_nothing_left() -> None:
    with pytest.raises(XlplError, match="occur 2 times"):
        build_lexicon(["ciao"], SPELLER, min_count=2)


def test_the_rarest_homographs_give_way() -> None:
    counts = {"a": 1, "à": 5, "á": 4, "â": 3}
    lexicon = build_lexicon(counts, SPELLER, homograph_limit=2)
    assert list(lexicon.spellings) == ["à", "á"]
    assert lexicon.crowded_out == ("â", "a")
    assert lexicon.homographs() == {("a", "|"): ("à", "á")}


def test_flashlights_limit_is_the_default() -> None:
    assert len(build_lexicon("aàáâäãåā", SPELLER)) == 6
