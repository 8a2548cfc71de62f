"""Codes and names of languages."""

from __future__ import annotations

import pytest

from xlpl_plugin.errors import XlplError
from xlpl_plugin.text.language import find_language


@pytest.mark.parametrize(
    ("written", "code", "scripts"),
    [
        ("sw", "sw", {"Latn"}),
        ("swa", "sw", {"Latn"}),
        ("swh", "sw", {"Latn"}),
        ("Swahili", "sw", {"Latn"}),
        ("eng", "en", {"Latn"}),
        ("pt_BR", "pt_BR", {"Latn"}),
        ("es-MX", "es_MX", {"Latn"}),
        ("cmn", "zh", {"Hani", "Bopo"}),
        ("yue", "yue", {"Hani", "Bopo"}),
        ("sr", "sr", {"Cyrl"}),
        ("sr_Latn", "sr_Latn", {"Latn"}),
        ("kk", "kk", {"Cyrl"}),
        ("ja", "ja", {"Hani", "Hira", "Kana"}),
        ("haw", "haw", {"Latn"}),
        ("qaa", "qaa", set()),
    ],
)
def test_codes_of_one_language_are_one_code(written: str, code: str, scripts: set[str]) -> None:
    language = find_language(written)
    assert (language.code, language.scripts) == (code, scripts)


@pytest.mark.parametrize("written", ["xx", "", "../../etc", "zxx", "default", "s"])
def test_an_unknown_code_is_refused(written: str) -> None:
    with pytest.raises(XlplError, match="unknown language"):
        find_language(written)


def test_the_nearest_are_named() -> None:
    with pytest.raises(XlplError, match=r"did you mean Swahili \(sw\)"):
        find_language("Swahli")
