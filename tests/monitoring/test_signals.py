"""What a labelling may be measured with."""

from __future__ import annotations

import pytest

from xlpl_plugin.config import load_config
from xlpl_plugin.errors import XlplError
from xlpl_plugin.monitoring.signals import SignalsConfig


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["lm_level=letters"], "lm_level='letters'"),
        (["lm=no.bin"], "no.bin: no such file"),
        (["text=no.txt"], "no.txt: no such file"),
    ],
)
def test_what_cannot_be_used_is_refused(options: list[str], problem: str) -> None:
    with pytest.raises(XlplError, match=problem):
        load_config(SignalsConfig, overrides=options)
