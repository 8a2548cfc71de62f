"""Text as it is spoken: the one normaliser of labels, language model text, lexicon and references."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.files import iter_lines
from xlpl_plugin.text.casing import lower_case
from xlpl_plugin.text.language import find_language
from xlpl_plugin.text.numbers.cldr import CldrNumbers
from xlpl_plugin.text.numbers.speaker import NumberSpeaker
from xlpl_plugin.text.numbers.words import NumberWords
from xlpl_plugin.text.rules import Foreign, Rules, Segmentation, load_rules
from xlpl_plugin.text.scripts import UNSPACED, scripts_of, segment_characters, segment_words

APOSTROPHE = "'"
# why a sentence is left out: of text for a language model, of transcripts and of references alike
EMPTY = "empty after normalisation"
UNREAD_NUMBER = "a number that cannot be read"
UNREAD_SIGN = "a sign that cannot be read"
FOREIGN = "letters of another script"

# spoken signs; currencies (category Sc) are too
_SPOKEN_SIGNS = frozenset("%‰&@#§№°+=×÷±")
_SEGMENTERS = {Segmentation.words: segment_words, Segmentation.characters: segment_characters}


@dataclass(frozen=True)
class Spoken:
    """The words of a written sentence, and why it must not be used as a transcript or as text (empty: it may)."""

    words: str
    problem: str = ""


class Normalizer:
    """Turns written text of one language into lower-case NFC words between single spaces.

    A word is letters (and combining marks) of the language's scripts, with apostrophes inside. Where the language
    elides, the elided word keeps its apostrophe and stands alone (``dell'utente`` becomes ``dell' utente``): the
    lexicon then needs 30 elided forms and the nouns, not their product, which no text of a million words covers.
    Where no spaces are written, ICU's dictionary or the rules say what a word is. Normalised text is a fixed point:
    normalising it again changes nothing.

    ``dropped`` counts the characters that were neither spoken nor space, ``removed`` the notes in brackets and the
    addresses that were taken out whole.
    """

    def __init__(self, language: str, rules: Path | None = None) -> None:
        self.language = find_language(language)
        self.dropped: Counter[str] = Counter()
        self.removed: Counter[str] = Counter()
        self._rules = load_rules(self.language, rules)
        numbers = self._rules.numbers
        self._numbers: NumberSpeaker | CldrNumbers = (
            NumberSpeaker(numbers)
            if numbers.language
            else CldrNumbers(self.language, NumberWords(self.language, numbers.words))
        )
        self._segment = (
            _SEGMENTERS[self._rules.segmentation]
            if UNSPACED.intersection(self._rules.scripts) and "Hang" not in self._rules.scripts
            else None
        )
        self._kinds = _Kinds(self._rules)
        self._compile()

    def _compile(self) -> None:
        rules = self._rules
        self._apostrophes = {ord(character): APOSTROPHE for character in rules.apostrophes}
        self._brackets = [
            re.compile(rf"{re.escape(pair[0])}[^{re.escape(pair)}]*{re.escape(pair[1])}") for pair in rules.brackets
        ]
        self._deleted = [re.compile(pattern, re.IGNORECASE) for pattern in rules.deleted]
        self._unread = [re.compile(pattern) for pattern in rules.numbers.unread]
        self._optional = re.compile(rules.optional) if rules.optional else None
        self._short = {key.lower(): value for key, value in rules.abbreviations.items()}
        # those with signs in them must be found before signs are dropped; mere words, when the words are final
        signed = sorted((key for key in self._short if not key.isalpha()), key=len, reverse=True)
        short = "|".join(map(_whole, signed))
        self._abbreviation = re.compile(rf"(?<![\w'.])(?:{short})", re.IGNORECASE) if short else None
        self._symbols = {ord(sign): f" {name} " for sign, name in rules.symbols.items()}
        capitals = "".join(rules.letters)
        count = "+" if rules.single_letters else "{2,}"
        self._acronym = re.compile(rf"(?<![\w'])[{capitals}]{count}(?![\w'])") if capitals else None
        self._elision = re.compile(rf"(?<!\w)(?:{rules.elision})") if rules.elision else None
        self._outer_apostrophe = re.compile(rules.outer_apostrophe) if rules.outer_apostrophe else None
        self._inner = re.compile(rf"(?<![^\W\d_])[{re.escape(rules.inner)}]|[{re.escape(rules.inner)}](?![^\W\d_])") \
            if rules.inner else None  # fmt: skip
        self._replace = [(re.compile(old), new) for old, new in rules.replace.items()]

    def normalize(self, text: str) -> str:
        """Return the spoken words of ``text``; an empty string if nothing in it is spoken."""
        return self.spoken(text).words

    def spoken(self, text: str) -> Spoken:
        """Return the spoken words of ``text``, with the problem where they would not be all that is spoken."""
        text = unicodedata.normalize("NFC", text).translate(self._apostrophes)
        text = self._without_unspoken(text)
        text = self._without_controls(text)
        unread = any(pattern.search(text) for pattern in self._unread)
        if self._abbreviation is not None:
            text = self._abbreviation.sub(lambda match: f" {self._short[match[0].lower()]} ", text)
        text = self._numbers.expand(text).translate(self._symbols)
        text = unicodedata.normalize("NFKC", text).translate(self._apostrophes)
        text = self._numbers.expand_bare(text)
        if self._acronym is not None:
            text = self._acronym.sub(self._spell_out, text)
        words, lost = self._words(text)
        return Spoken(words, UNREAD_NUMBER if unread else _problem(words, lost))

    def _without_unspoken(self, text: str) -> str:
        for pattern in self._deleted:
            text = pattern.sub(self._remove, text)
        count = 1
        while count:  # from the innermost brackets outwards
            count = 0
            for pattern in self._brackets:
                text, found = pattern.subn(self._remove, text)
                count += found
        return text

    def _remove(self, match: re.Match[str]) -> str:
        self.removed[match[0]] += 1
        return " "

    def _without_controls(self, text: str) -> str:
        """Delete soft hyphens, joiners and other format characters, which stand inside words.

        A space of no width is a space where no others are written.
        """
        if text.isascii():
            return text
        if self._segment is not None:
            text = text.replace("\u200b", " ")
        controls = {character for character in text if unicodedata.category(character) == "Cf"}
        self.dropped.update({character: text.count(character) for character in controls})
        return text.translate(dict.fromkeys(map(ord, controls))) if controls else text

    def _spell_out(self, match: re.Match[str]) -> str:
        return f" {' '.join(self._rules.letters[letter] for letter in match[0])} "

    def _words(self, text: str) -> tuple[str, frozenset[str]]:
        """Lower the case, keep the letters, settle the apostrophes; return the words and the characters lost."""
        code = self.language.base
        text = lower_case(unicodedata.normalize("NFKC", lower_case(text, code)), code)
        if self._optional is not None:
            text = self._optional.sub(self._drop, text)
        for pattern, new in self._replace:
            text = pattern.sub(new, text)
        text, quotes = QUOTED.subn(r" \1 ", text)
        self.dropped.update({APOSTROPHE: 2 * quotes} if quotes else {})
        if self._rules.foreign is Foreign.word:
            text = " ".join(word for word in text.split() if not self._is_foreign(word))
        text, lost = self._letters(text)
        text = _REPEATED_APOSTROPHE.sub(APOSTROPHE, unicodedata.normalize("NFC", text))
        if self._elision is not None:
            text = self._elision.sub(r"\g<0> ", text)
        words = " ".join(filter(None, map(self._settle_apostrophes, text.split())))
        if self._segment is not None:
            words = self._segment(words, code)
        return " ".join(self._short.get(word, word) for word in words.split()), lost

    def _drop(self, match: re.Match[str]) -> str:
        self.dropped.update(match[0])
        return ""

    def _is_foreign(self, word: str) -> bool:
        foreign = [character for character in word if character.isalpha() and self._kinds[ord(character)] == " "]
        self.dropped.update(foreign)
        return bool(foreign)

    def _letters(self, text: str) -> tuple[str, frozenset[str]]:
        """Keep letters, marks on them, apostrophes and spaces; count the rest, and return which they are."""
        if self._inner is not None:
            text = self._inner.sub(" ", text)
        kept = f" {text}".translate(self._kinds)
        lost = {character for character in set(text) if self._kinds[ord(character)] != ord(character)}
        if not text.isascii():
            for mark in _LONE_MARK.findall(kept):
                self.dropped.update(mark)
            kept = _LONE_MARK.sub("", kept)
        lost = {character for character in lost if not character.isspace()}
        self.dropped.update({character: text.count(character) for character in lost})
        return kept, frozenset(lost)

    def _settle_apostrophes(self, word: str) -> str:
        """Strip apostrophes that are quotation marks; keep those inside the word, and the word's own at its ends."""
        if APOSTROPHE not in word:
            return word
        bare = word.strip(APOSTROPHE)
        if bare and self._outer_apostrophe is not None:
            ends = (APOSTROPHE * word.startswith(APOSTROPHE), APOSTROPHE * word.endswith(APOSTROPHE))
            candidates = (f"{ends[0]}{bare}{ends[1]}", f"{ends[0]}{bare}", f"{bare}{ends[1]}")
            bare = next(filter(self._outer_apostrophe.fullmatch, candidates), bare)
        if dropped := word.count(APOSTROPHE) - bare.count(APOSTROPHE):
            self.dropped[APOSTROPHE] += dropped
        return bare


class _Kinds(dict[int, int | str | None]):
    """A table for ``str.translate``: a character that stays, a space in place of one that does not; marks vanish."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._scripts = frozenset() if rules.foreign is Foreign.keep else frozenset(rules.scripts)
        self._signs = frozenset(rules.inner + APOSTROPHE)

    def __missing__(self, point: int) -> int | str | None:
        character = chr(point)
        kind = unicodedata.category(character)[0]
        own = scripts_of(character)
        stays = character in self._signs or (kind in "LM" and (not self._scripts or not own or own & self._scripts))
        self[point] = point if stays else None if kind == "M" else " "
        return self[point]


def _problem(words: str, lost: frozenset[str]) -> str:
    """Return why a sentence must be left out whose characters ``lost`` are in no word."""
    categories = {unicodedata.category(character)[0] for character in lost}
    if "N" in categories:
        return UNREAD_NUMBER
    if any(character in _SPOKEN_SIGNS or unicodedata.category(character) == "Sc" for character in lost):
        return UNREAD_SIGN
    return FOREIGN if "L" in categories else "" if words else EMPTY


# marks that stand on no letter
_LONE_MARK = re.compile(
    r"(?<=[\s'])[{}]+".format("".join(chr(i) for i in range(0x300, 0x20000) if unicodedata.category(chr(i))[0] == "M"))
)
_REPEATED_APOSTROPHE = re.compile("'{2,}")
# a word or words between single quotation marks, such as 'file' or 'dell'utente'
QUOTED = re.compile(r"(?<![\w'])'(?=[^\s'])([^\n]+?)(?<=[^\s'])'(?![\w'])")


def _whole(abbreviation: str) -> str:
    """Match the abbreviation where no letter goes on with it, nor, after a letter, a digit."""
    return re.escape(abbreviation) + (r"(?![\w'])" if abbreviation[-1].isalnum() else r"(?![^\W\d])")


def normalized_lines(texts: Iterable[str | Path], language: str | None = None) -> Iterator[str]:
    """Yield the lines of text files, normalised if a language is given (else they are normalised already).

    Raises:
        XlplError: a file is missing or not UTF-8.
    """
    normalizer = None if language is None else Normalizer(language)
    for text in texts:
        for line in iter_lines(text):
            yield line if normalizer is None else normalizer.normalize(line)
