"""Which other languages a text is in, where the script does not tell: py3langid, whose model is in its wheel.

It knows 140 languages. Of a language that it does not know it says nothing, since all would be another.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import langcodes
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.language import find_language

# sentences that are looked at: a share of 1 % is told to half a per cent
SAMPLE = 2000
# shorter sentences, and less probable languages, are not judged: names and loans look like other languages
_WORDS, _PROBABILITY = 5, 0.95
# languages that are written so alike that a sentence may be either: Bosnian and Croatian 8, Indonesian and Malay 14
_ALIKE = 30


@dataclass(frozen=True)
class OtherLanguages:
    """How many sentences were judged, and the names of the languages that some of them are in instead."""

    judged: int = 0
    found: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.found:
            return ""
        share = sum(self.found.values()) / self.judged
        names = ", ".join(f"{name} {count}" for name, count in self.found.items())
        return f"{share:.1%} of {self.judged} sentences seem to be in another language: {names}"


class SentenceSample:
    """A random sample of sentences that come one by one; always the same for the same sentences in their order."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self._random, self._seen = random.Random(1), 0

    def add(self, sentence: str) -> None:
        """Look at one sentence more; short ones are passed over."""
        if len(sentence.split()) < _WORDS:
            return
        self._seen += 1
        if len(self.sentences) < SAMPLE:
            self.sentences.append(sentence)
        elif (place := self._random.randrange(self._seen)) < SAMPLE:
            self.sentences[place] = sentence


class Identifier:
    """Says which other language a sentence of a language is in."""

    def __init__(self, language: str) -> None:
        """Raise ``XlplError`` for a language that the model does not know."""
        self._own = find_language(language).base
        if not can_identify(language):
            raise XlplError(
                f"the language identifier does not know {language!r}",
                expected=f"one of {' '.join(sorted(set(_model().labels)))}",
                remedy="leave --identify out",
            )

    def other_language(self, words: str) -> str:
        """Return the code of the language that normalised words are probably in, "" where it may be the own one."""
        if words.count(" ") + 1 < _WORDS:
            return ""
        code, probability = _model().classify(words)
        return str(code) if probability >= _PROBABILITY and _differs(code, self._own) else ""


def can_identify(language: str) -> bool:
    """Say whether the model knows a language: of one that it does not know all would be another."""
    return find_language(language).base in _model().labels


def other_languages(sentences: Iterable[str], language: str) -> OtherLanguages:
    """Judge a sample of normalised sentences that should be in ``language``; nothing where that is not known."""
    if not can_identify(language):
        return OtherLanguages()
    sample, identifier = SentenceSample(), Identifier(language)
    for sentence in sentences:
        sample.add(sentence)
    codes = Counter(filter(None, map(identifier.other_language, sample.sentences)))
    names = {langcodes.get(code).display_name(): count for code, count in codes.most_common()}
    return OtherLanguages(len(sample.sentences), names)


@lru_cache(maxsize=1)
def _model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=1024)
def _differs(code: str, own: str) -> bool:
    # zxx: no language, such as numbers and names
    return code not in (own, "zxx") and langcodes.tag_distance(own, code) >= _ALIKE
