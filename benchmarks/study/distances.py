"""How far apart the sounds of two languages are: phoneme inventories of URIEL+, which takes them from PHOIBLE."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from typing import Any

import langcodes

from study.records import CellRecord
from xlpl_plugin.extras import optional_module

_UNKNOWN = -1.0


def nearest_source(record: CellRecord) -> float | None:
    """Return the distance to the source language that is nearest, 0 (the same phonemes) to 1; None where unknown.

    Raises:
        MissingExtra: urielplus is not installed.
    """
    chosen = record.settings.get("sources", {})
    spoken = [name for name, minutes in chosen.get("espeak", {}).items() if minutes and chosen.get("espeak_weight", 1)]
    read = [name for name, voices in chosen.get("mbrola", {}).items() if voices]
    folders = (folder.partition("_")[0] for folder in chosen.get("gcompris", []))
    sources = {*chosen.get("asterisk", []), *folders, *read, *spoken} - {record.language}
    return min(_known(record.language, sources), default=None)


def _known(target: str, sources: Iterable[str]) -> Iterable[float]:
    found = (inventory_distance(*sorted((target, source))) for source in sources)
    return (distance for distance in found if distance is not None)


@cache
def inventory_distance(one: str, other: str) -> float | None:
    """Return the angular distance between the phonemes of two languages, given by two-letter codes."""
    codes = [langcodes.get(code).to_alpha3() for code in (one, other)]
    before = logging.root.manager.disable
    # it tells of each question on the root logger
    logging.disable(logging.INFO)
    try:
        distance = float(_uriel().new_distance("inventory", codes))
    except ValueError:  # a language that it does not know
        distance = _UNKNOWN
    finally:
        logging.disable(before)
    return None if distance == _UNKNOWN else distance


@cache
def _uriel() -> Any:
    module = optional_module("urielplus.urielplus", "study", "the distance between languages")
    with redirect_stdout(StringIO()):
        return module.URIELPlus()
