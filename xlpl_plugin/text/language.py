"""What a language code means: one code for each language, its name, and the scripts that it is written in."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache

import langcodes
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from langcodes.tag_parser import LanguageTagError

from xlpl_plugin.errors import XlplError

# ISO 15924 names systems of writing; a letter has the script of one of their parts
_PARTS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}


@dataclass(frozen=True)
class Language:
    """A language as its code and CLDR (the Unicode consortium's tables of languages) know it."""

    # two letters where there are two (sw), else three (haw); with a script or a territory where one was given (pt_BR)
    code: str
    name: str
    # ISO 15924 codes of Unicode's scripts: Latn, Cyrl, Hani, ...; empty where they are not known
    scripts: frozenset[str]

    @property
    def base(self) -> str:
        """Return the code without script and territory."""
        return self.code.split("_")[0]

    @property
    def in_cldr(self) -> bool:
        """Whether CLDR has words of this language (names of units, currencies)."""
        try:
            Locale.parse(self.base)
        except (UnknownLocaleError, ValueError):
            return False
        return True


@lru_cache(maxsize=256)
def find_language(name: str) -> Language:
    """Return the language of an ISO 639 code (``sw``, ``swa``), a code with script or territory, or a name (Swahili).

    Codes of one language that differ, such as ``swa`` and ``swh``, give the same ``code``. A language without a code
    of its own takes one of ``qaa`` to ``qtz``, and then any letter is one of its own.

    Raises:
        XlplError: no such language; the nearest are named.
    """
    tag = _tag(name)
    if tag is None:
        raise XlplError(
            f"unknown language {name!r}",
            expected="an ISO 639 code such as sw, swa or pt_BR, or a name such as Swahili",
            remedy=_nearest(name) or "a language without a code takes one of qaa to qtz",
        )
    aliases = get_global("language_aliases")
    primary = str(aliases.get(str(tag.language), tag.language))
    language = langcodes.get(primary.replace("_", "-")).update(langcodes.Language.make(
        script=tag.script, territory=tag.territory))  # fmt: skip
    private = len(primary) == 3 and "qaa" <= primary <= "qtz"
    script = "" if private and not tag.script else str(language.maximize().script or "")
    scripts = frozenset(_PARTS.get(script, (script,) if script else ()))
    return Language(language.to_tag().replace("-", "_"), language.display_name(), scripts)


def _tag(name: str) -> langcodes.Language | None:
    """Parse a code; failing that, look a name up."""
    try:
        tag = langcodes.get(name)
        if tag.is_valid() and tag.language not in (None, "und", "mul", "zxx", "mis"):
            return tag
    except LanguageTagError:
        pass
    try:
        return langcodes.find(name) if len(name) > 3 else None
    except LookupError:
        return None


def _nearest(name: str) -> str:
    names = {english.lower(): f"{english} ({code})" for code, english in Locale("en").languages.items()}
    found = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(names[match] for match in found)}?" if found else ""
