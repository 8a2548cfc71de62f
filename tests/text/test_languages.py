"""Written text and what is spoken, by the rules of each language: the specification of the normaliser."""

from __future__ import annotations

import pytest
from support.languages import PROBLEM, WRITTEN_AND_SPOKEN

from xlpl_plugin.text.normalizer import Normalizer


@pytest.mark.parametrize(("language", "written", "right"), WRITTEN_AND_SPOKEN)
def test_what_is_spoken(language: str, written: str, right: str) -> None:
    spoken = Normalizer(language).spoken(written)
    if right.startswith(PROBLEM):
        assert spoken.problem == right.removeprefix(PROBLEM)
    else:
        assert (spoken.words, spoken.problem) == (right, "")
        assert Normalizer(language).normalize(spoken.words) == spoken.words


def test_the_battery_is_broad() -> None:
    assert len({language for language, *_ in WRITTEN_AND_SPOKEN}) >= 40
    assert len(WRITTEN_AND_SPOKEN) >= 200
