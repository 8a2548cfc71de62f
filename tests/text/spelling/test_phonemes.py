"""Words by their sound, in one alphabet for all languages."""

from __future__ import annotations

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.spelling.lexicon import build_lexicon
from xlpl_plugin.text.spelling.phonemes import has_sounds, in_letters, make_phonemizer
from xlpl_plugin.text.spelling.respelling import fit_lexicon
from xlpl_plugin.text.spelling.speller import make_speller
from xlpl_plugin.text.spelling.unit_speller import speller_of
from xlpl_plugin.text.symbols import LETTERS


@pytest.mark.parametrize(
    ("language", "word", "letters"),
    [
        ("it", "città", "tcita"),
        ("fr", "montagne", "montanj"),
        ("fr", "eau", "o"),
        ("fr", "peur", "pqr"),
        ("en", "judge", "dxadx"),
        ("en", "through", "sru"),
        ("es", "cigüeña", "siguenja"),
        ("ru", "щука", "cuka"),
        ("zh", "北京", "peitcin"),
        # a code with a territory is read in the language
        ("pt_BR", "dia", "dxia"),
    ],
)
def test_a_word_is_written_as_it_sounds(language: str, word: str, letters: str) -> None:
    assert make_speller("phonemes", language=language).spell(word) == [(*letters, "|")]


def test_one_sound_has_one_letter_in_all_languages() -> None:
    heard = {make_phonemizer(language)(word)[0] for language, word in (("it", "sci"), ("fr", "chi"), ("en", "she"))}
    assert heard == {"ci"}


@pytest.mark.parametrize(
    ("language", "word", "letters"), [("fr", "l'", "l"), ("fr", "qu'", "k"), ("it", "c'", "tc"), ("it", "dell'", "del")]
)
def test_a_word_that_lost_its_vowel_is_read_before_another(language: str, word: str, letters: str) -> None:
    assert make_phonemizer(language)(word) == [letters]


def test_marks_long_sounds_and_nasal_vowels() -> None:
    assert in_letters("tʃitːˈa") == "tcita"
    assert in_letters("bɔ̃") == "bon"
    assert in_letters("mnʲˈe nʲit") == "mnjenit"
    assert in_letters("(en)wˈɛb(it)") == "web"
    assert in_letters("ɪç") == "ih"


def test_what_espeak_cannot_read_has_no_spelling() -> None:
    speller = make_speller("phonemes", language="ja")
    assert speller.spell("日本") == []
    assert speller.spell("こんにちは")
    assert speller.spell("") == []


def test_a_foreign_word_in_latin_letters_is_read_in_its_language() -> None:
    assert make_phonemizer("el")("web") == ["web"]


def test_two_languages_do_not_disturb_each_other() -> None:
    french, italian = make_phonemizer("fr"), make_phonemizer("it")
    assert (french("chi"), italian("chi"), french("chien")) == (["ci"], ["ki"], ["cjen"])


def test_a_language_without_rules_is_refused() -> None:
    with pytest.raises(XlplError, match="no voice 'br'"):
        make_speller("phonemes", language="br")
    assert (has_sounds("br"), has_sounds("pt_BR"), has_sounds("sw")) == (False, True, True)


def test_a_lexicon_of_phonemes_stays_as_it_is_for_a_model_of_a_to_z() -> None:
    """`q` of `questo` is a letter that no spelling has, but no unit that the model was taught for it."""
    lexicon = build_lexicon(["questo", "giorno", "città"], make_speller("phonemes", language="it"))
    assert fit_lexicon(lexicon, LETTERS).is_given


def test_a_lexicon_of_phonemes_is_told_where_the_language_is_known() -> None:
    lexicon = build_lexicon(["questo", "giorno", "città", "gnomi"], make_speller("phonemes", language="it"))
    assert speller_of(lexicon, "it") == "phonemes"
