"""The normaliser's rules: one YAML file a language, laid over ``default.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import cast

from num2words import CONVERTER_CLASSES
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist
from xlpl_plugin.text import swahili

FOLDER = Path(__file__).parent
swahili.register()


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

    # num2words' name of the language; empty: as the language's code says, and where num2words lacks it, digits are
    # dropped (and counted)
    language: str = ""
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
    # first words of the Unicode names of the letters that stay (LATIN, CYRILLIC); empty: every letter
    scripts: list[str] = field(default_factory=list)
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
    # regular expression of whole words whose last apostrophe stays
    final_apostrophe: str = ""
    # lower-case character -> what stands for it in every word
    replace: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=32)
def load_rules(language: str, file: Path | None = None) -> Rules:
    """Return the rules of ``language`` (``pt_BR`` falls back on ``pt``, that on the default), or those of ``file``.

    Raises:
        XlplError: the file is missing, or has unknown keys or values of the wrong type.
    """
    base = language.replace("-", "_").split("_")[0].lower()
    shipped = FOLDER / f"{base}.yaml"
    layers = [FOLDER / "default.yaml"]
    if file is not None:
        layers.append(must_exist(file, "a YAML file of normaliser rules"))
    elif shipped.exists() and base != "default":
        layers.append(shipped)
    rules = OmegaConf.structured(Rules)
    for layer in layers:
        try:
            rules = OmegaConf.merge(rules, OmegaConf.load(layer))
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise XlplError(
                f"cannot use these rules: {str(error).splitlines()[0]}",
                file=layer,
                expected="the keys of xlpl_plugin/text/rules/default.yaml",
            ) from error
    loaded = cast(Rules, OmegaConf.to_object(rules))
    if not loaded.numbers.language:
        known = [name for name in (language.replace("-", "_"), base) if name in CONVERTER_CLASSES]
        loaded.numbers.language = known[0] if known else ""
    return loaded
