"""Words by their sound: espeak-ng's phonemes in one alphabet of a to z for all languages.

Spelling teaches an acoustic model letters that mean other sounds in the next language: French `eau`, English `ough`.
The paper spells in letters, since phonemes need knowledge of the target; espeak-ng has it for about 120 languages.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby

from xlpl_plugin.errors import XlplError
from xlpl_plugin.espeak.library import espeak, espeak_code
from xlpl_plugin.text.spelling.speller import Romanizer

# sounds of the IPA that are no letter of a to z, by the letter that stands for them in every language
_SOUNDS = {
    # c: sh; x: its voiced partner
    "c": "ʃɕʂ", "x": "ʒʑʐ",
    # the vowel of `the`, and rounded front ones that are as far forward: French `peur` is nearer to it than to `pur`
    "q": "əɜɘɵœøɤ",
    # front rounded and central close vowels, between i and u
    "y": "ʏɨɯʉ",
    "a": "ɑɐæʌɒ", "e": "ɛ", "i": "ɪᵻ", "o": "ɔ", "u": "ʊ",
    "b": "ɓ", "d": "ðɖɗ", "f": "ɸ", "g": "ɡɣɠɢʛ", "h": "xçχħɦʕɧ", "j": "ʝʲɥ", "k": "q", "l": "ɫɭɬɮʟ", "n": "ŋɳɴ",
    "r": "ɹɾʁʀɽɻɺ", "s": "θ", "t": "ʈ", "v": "βʋ", "w": "ɰʍʷ", "m": "ɱ",
}  # fmt: skip
_LETTERS = str.maketrans({sound: letter for letter, sounds in _SOUNDS.items() for sound in sounds} | {
    # two sounds; espeak-ng writes affricates as two already
    "ɲ": "nj", "ʎ": "lj", "ɟ": "gj", "c": "kj", "ɚ": "qr", "ɝ": "qr",
    # heard as nasal vowel and n
    "\N{COMBINING TILDE}": "n",
})  # fmt: skip
# palatal consonants before i are as any before i
_PALATAL = re.compile("ʲ(?=[iɪ])")
_OTHER_LANGUAGE = re.compile(r"\([^)]*\)")
_NOT_LATIN = re.compile("[^a-z]")
# where words lose their last vowel before another (l', c'), a word to follow and its letters: alone, espeak-ng names
# the letters of such a word
_NEXT_WORDS = {"ca": ("era", "erq"), "fr": ("état", "eta"), "it": ("età", "eta")}
_REMEMBERED = 100_000


def make_phonemizer(language: str | None) -> Romanizer:
    """Return the function that writes a word's phonemes in a to z; a sound twice in a row, or a long one, stands once.

    A word that espeak-ng cannot read in its own script (Japanese characters are "Japanese letter" to it) has none.

    Raises:
        XlplError: espeak-ng does not know the language.
    """
    voice = espeak_code(language or "en")
    espeak().choose_voice(voice)

    @lru_cache(_REMEMBERED)
    def phonemize(word: str) -> tuple[str, ...]:
        letters = (
            _elided(word, *_NEXT_WORDS[language]) if language in _NEXT_WORDS and word.endswith("'") else _read(word)
        )
        return (letters,) if letters else ()

    def _elided(word: str, written: str, said: str) -> str:
        together = _read(word + written)
        return together.removesuffix(said) if together.endswith(said) else _read(word)

    def _read(word: str) -> str:
        library = espeak()
        library.choose_voice(voice)
        heard = library.phonemes(word)
        return "" if _OTHER_LANGUAGE.search(heard) and not _is_latin(word) else in_letters(heard)

    return lambda word: list(phonemize(word))


def has_sounds(language: str) -> bool:
    """Say whether espeak-ng knows how a language sounds."""
    try:
        espeak().choose_voice(espeak_code(language))
    except XlplError:
        return False
    return True


def in_letters(phonemes: str) -> str:
    """Return phonemes of the IPA in a to z.

    >>> in_letters("mɔ̃tˈaɲ"), in_letters("dʒˈʌdʒ"), in_letters("tʃitːˈa")
    ('montanj', 'dxadx', 'tcita')
    """
    plain = _PALATAL.sub("", _OTHER_LANGUAGE.sub("", unicodedata.normalize("NFD", phonemes)))
    # a cedilla is a mark of its own in this form
    plain = plain.replace("c\N{COMBINING CEDILLA}", "ç")
    letters = _NOT_LATIN.sub("", plain.translate(_LETTERS))
    return "".join(letter for letter, _ in groupby(letters))


def _is_latin(word: str) -> bool:
    return all(unicodedata.name(character, "").startswith("LATIN") for character in word if character.isalpha())
