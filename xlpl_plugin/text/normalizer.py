"""Text as it is spoken: the one normaliser of labels, language model text, lexicon and references."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xlpl_plugin.files import iter_lines
from xlpl_plugin.text.numbers import NumberSpeaker
from xlpl_plugin.text.rules import load_rules

APOSTROPHE = "'"


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
    Normalised text is a fixed point: normalising it again changes nothing.

    ``dropped`` counts the characters that were neither spoken nor space, ``removed`` the notes in brackets and the
    addresses that were taken out whole.
    """

    def __init__(self, language: str, rules: Path | None = None) -> None:
        self.language = language
        self.dropped: Counter[str] = Counter()
        self.removed: Counter[str] = Counter()
        self._rules = load_rules(language, rules)
        self._numbers = NumberSpeaker(self._rules.numbers)
        self._compile()

    def _compile(self) -> None:
        rules = self._rules
        self._apostrophes = {ord(character): APOSTROPHE for character in rules.apostrophes}
        self._brackets = [
            re.compile(rf"{re.escape(pair[0])}[^{re.escape(pair)}]*{re.escape(pair[1])}") for pair in rules.brackets
        ]
        self._deleted = [re.compile(pattern, re.IGNORECASE) for pattern in rules.deleted]
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
        self._final_apostrophe = re.compile(rules.final_apostrophe) if rules.final_apostrophe else None
        self._replace = {ord(old): new for old, new in rules.replace.items()}

    def spoken(self, text: str) -> Spoken:
        """Return the spoken words of ``text``, with the problem where they would not be all that is spoken."""
        words = self.normalize(text)
        return Spoken(words, "" if words else "empty after normalisation")

    def normalize(self, text: str) -> str:
        """Return the spoken words of ``text``; an empty string if nothing in it is spoken."""
        text = unicodedata.normalize("NFC", text).translate(self._apostrophes)
        text = self._without_unspoken(text)
        text = self._without_controls(text)
        if self._abbreviation is not None:
            text = self._abbreviation.sub(lambda match: f" {self._short[match[0].lower()]} ", text)
        text = self._numbers.expand(text).translate(self._symbols)
        text = unicodedata.normalize("NFKC", text).translate(self._apostrophes)
        text = self._numbers.expand_bare(text)
        if self._acronym is not None:
            text = self._acronym.sub(self._spell_out, text)
        return self._words(text)

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
        """Delete soft hyphens, joiners and other format characters, which stand inside words."""
        controls = [character for character in text if unicodedata.category(character) == "Cf"]
        self.dropped.update(controls)
        return text.translate(dict.fromkeys(map(ord, controls))) if controls else text

    def _spell_out(self, match: re.Match[str]) -> str:
        return f" {' '.join(self._rules.letters[letter] for letter in match[0])} "

    def _words(self, text: str) -> str:
        """Lower the case, keep the letters, and settle the apostrophes."""
        text = unicodedata.normalize("NFKC", text.lower()).lower().translate(self._replace)
        text, quotes = QUOTED.subn(r" \1 ", text)
        self.dropped.update({APOSTROPHE: 2 * quotes} if quotes else {})
        text = unicodedata.normalize("NFC", self._letters(text))
        if self._elision is not None:
            text = self._elision.sub(r"\g<0> ", text)
        words = filter(None, map(self._settle_apostrophes, text.split()))
        return " ".join(self._short.get(word, word) for word in words)

    def _letters(self, text: str) -> str:
        """Keep letters, marks on them, apostrophes and spaces; count the rest."""
        kept = [" "]
        for character in text:
            if character == APOSTROPHE or character.isspace() or self._stays(character, kept[-1]):
                kept.append(character)
                continue
            self.dropped[character] += 1
            if unicodedata.category(character)[0] != "M":
                kept.append(" ")
        return "".join(kept)

    def _stays(self, character: str, previous: str) -> bool:
        kind = unicodedata.category(character)[0]
        on_letter = kind == "M" and unicodedata.category(previous)[0] in "LM"
        return (kind == "L" or on_letter) and self._in_scripts(character)

    def _in_scripts(self, character: str) -> bool:
        scripts = self._rules.scripts
        return not scripts or unicodedata.name(character, "").split(" ")[0] in scripts

    def _settle_apostrophes(self, word: str) -> str:
        """Strip apostrophes that are quotation marks; keep those inside the word, and the elided word's own."""
        bare = re.sub("'{2,}", APOSTROPHE, word).strip(APOSTROPHE)
        if bare and word.endswith(APOSTROPHE) and self._final_apostrophe is not None:
            candidate = bare + APOSTROPHE
            bare = candidate if self._final_apostrophe.fullmatch(candidate) else bare
        if dropped := word.count(APOSTROPHE) - bare.count(APOSTROPHE):
            self.dropped[APOSTROPHE] += dropped
        return bare


# a word or words between single quotation marks, such as 'file' or 'dell'utente'
QUOTED = re.compile(r"(?<![\w'])'(?=[^\s'])([^\n]+?)(?<=[^\s'])'(?![\w'])")


def _whole(abbreviation: str) -> str:
    """Match the abbreviation where no letter goes on with it, nor, after a letter, a digit."""
    return re.escape(abbreviation) + (r"(?![\w'])" if abbreviation[-1].isalnum() else r"(?![^\W\d])")


def normalizer_for(language: str, rules: Path | None = None) -> Normalizer:
    """Return a new normaliser (with counts at zero) for a language code such as ``it`` or ``pt_BR``."""
    return Normalizer(language, rules)


def normalized_lines(texts: Iterable[str | Path], language: str | None = None) -> Iterator[str]:
    """Yield the lines of text files, normalised if a language is given (else they are normalised already).

    Raises:
        XlplError: a file is missing or not UTF-8.
    """
    normalizer = None if language is None else Normalizer(language)
    for text in texts:
        for line in iter_lines(text):
            yield line if normalizer is None else normalizer.normalize(line)
