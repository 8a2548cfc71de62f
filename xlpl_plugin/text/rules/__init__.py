"""The normaliser's rules: one YAML file a language, laid over ``default.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.text.language import Language

FOLDER = Path(__file__).parent


class Foreign(Enum):
    """What becomes of letters of another script."""

    sentence = "sentence"
    word = "word"
    keep = "keep"


class Segmentation(Enum):
    """What a word is where no spaces are written."""

    words = "words"
    characters = "characters"


@dataclass
class OrdinalRule:
    """How one way of writing ordinals is read."""

    # regular expression whose group 1 is the digits
    pattern: str = ""
    # num2words options for this form, such as gender: f
    options: dict[str, str] = field(default_factory=dict)
    # whole last words or endings of num2words' answer and what stands there instead; the first that fits is used
    endings: dict[str, str] = field(default_factory=dict)


@dataclass
class NumberRules:
    """How digits become words."""

    # num2words' name of the language: then these rules read every digit. Empty: only what CLDR knows for certain is
    # read (numbers/cldr.py), and a sentence with another digit is left out
    language: str = ""
    # words of single numbers, where no library knows them: {"1": ..., "2": ...}
    words: dict[str, str] = field(default_factory=dict)
    # regular expressions of what stays unread, so that the sentence is left out
    unread: list[str] = field(default_factory=list)
    # characters between groups of three digits
    group: str = "\u00a0\u202f"
    # character before the decimals
    decimal: str = "."
    # the spoken decimal mark
    decimal_word: str = ""
    # decimals as "digits" (one four), as a "number" (fourteen), or as num2words has it ("library")
    decimal_style: str = "library"
    # the spoken dot of version numbers
    dot_word: str = ""
    # the spoken minus sign
    minus: str = ""
    # the number one before a unit or a currency, where it is not the counting word
    one_before_unit: str = ""
    # a unit or a currency is said before its number (Swahili: kilo mbili)
    unit_first: bool = False
    # units written after a number, with their forms: [always], [one, many] or the Slavic [one, few, many]
    units: dict[str, list[str]] = field(default_factory=dict)
    # as units; the sign may also stand before the number
    currency: dict[str, list[str]] = field(default_factory=dict)
    # the word between currency and cents
    cents_word: str = ""
    ordinals: list[OrdinalRule] = field(default_factory=list)
    # regular expressions with groups h, m and, if wanted, s
    times: list[str] = field(default_factory=list)
    # the hour, {} being its number; and one o'clock where it differs
    hour: str = "{}"
    hour_one: str = ""
    # a time with minutes, and on the hour
    time_minutes: str = "{h} {m}"
    time_full: str = "{h}"
    # the zero of minutes below ten, empty: not spoken
    time_zero: str = ""


@dataclass
class Rules:
    """All that differs between languages."""

    numbers: NumberRules = field(default_factory=NumberRules)
    # ISO 15924 codes of the scripts of the language's letters (Latn, Cyrl); empty: as CLDR says
    scripts: list[str] = field(default_factory=list)
    # where a sentence holds letters of another script: leave the "sentence" out, take the "word" out, or "keep" it
    foreign: Foreign = Foreign.sentence
    # what is a word where no spaces are written: "words" of ICU's dictionary, or "characters"
    segmentation: Segmentation = Segmentation.words
    # regular expression of the vowel signs that writers put or leave out: taken off
    optional: str = ""
    # characters read as an apostrophe
    apostrophes: str = "'"
    # pairs of brackets whose content is not spoken
    brackets: list[str] = field(default_factory=list)
    # regular expressions of what is never spoken, such as addresses
    deleted: list[str] = field(default_factory=list)
    # written form, case ignored -> spoken form, in lower-case words; only whole words are replaced
    abbreviations: dict[str, str] = field(default_factory=dict)
    # sign -> its name; an empty name is a space
    symbols: dict[str, str] = field(default_factory=dict)
    # names of capitals: a token of such capitals alone (PBX) is spelled out
    letters: dict[str, str] = field(default_factory=dict)
    # spell out a single capital too (press Q)
    single_letters: bool = False
    # regular expression of an elided word with its apostrophe, as far as what follows shows it; it becomes its own word
    elision: str = ""
    # regular expression of whole words whose first or last apostrophe stays
    outer_apostrophe: str = ""
    # signs that are letters where they stand between two letters (Catalan l·l)
    inner: str = ""
    # regular expression, on text in lower case -> what stands instead, in the order of the file
    replace: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=32)
def load_rules(language: Language, file: Path | None = None) -> Rules:
    """Return the rules of a language: the default's, those of its script, and its own or those of ``file``.

    Raises:
        XlplError: the file is missing, has unknown keys, values of the wrong type, or a broken pattern.
    """
    layers = [FOLDER / "default.yaml", *(FOLDER / f"{script}.yaml" for script in sorted(language.scripts))]
    layers.append(must_exist(file, "a YAML file of normaliser rules") if file else FOLDER / f"{language.base}.yaml")
    rules = OmegaConf.structured(Rules)
    for layer in filter(Path.exists, layers):
        try:
            rules = _merge(rules, layer)
            _check_patterns(cast(Rules, OmegaConf.to_object(rules)))
        except (OmegaConfBaseException, YAMLError, re.error, ValueError, TypeError) as error:
            raise XlplError(
                f"cannot use these rules: {str(error).splitlines()[0]}",
                file=layer,
                expected="the keys of xlpl_plugin/text/rules/__init__.py, and patterns of Python's re",
            ) from error
    loaded = cast(Rules, OmegaConf.to_object(rules))
    loaded.scripts = loaded.scripts or sorted(language.scripts)
    return loaded


def _merge(rules: DictConfig, layer: Path) -> DictConfig:
    """Lay a file over the rules, each key by itself, so that an error names it."""
    config = OmegaConf.load(layer)
    if not isinstance(config, DictConfig):
        raise ValueError("a list, not keys")
    for key, value in config.items():
        try:
            rules = cast(DictConfig, OmegaConf.merge(rules, {key: value}))
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise ValueError(f"the key {str(key)!r}: {str(error).splitlines()[0]}") from error
    return rules


def _check_patterns(rules: Rules) -> None:
    numbers = rules.numbers
    patterns = [*rules.deleted, rules.optional, rules.elision, rules.outer_apostrophe, *rules.replace]
    patterns += [*numbers.unread, *numbers.times, *(rule.pattern for rule in numbers.ordinals)]
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"the pattern {pattern!r}: {error}") from error
