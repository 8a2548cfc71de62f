"""Error rates that ``xlpl score --run ... --json`` wrote. A report never compares labels with references itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import read_json
from xlpl_plugin.report.contents import ErrorRate
from xlpl_plugin.report.stages import CONTINUOUS

# the names that `xlpl score --run` gives
_NAME = re.compile(r"(?:zero-shot|round (?P<round>\d+)|(?P<phase>continuous)) (?:greedy|LM)")


def read_scores(file: Path) -> tuple[ErrorRate, ...]:
    """Return the rows of a file of scores.

    Raises:
        XlplError: the file is missing or no such file.
    """
    rows = read_json(file)
    try:
        if not isinstance(rows, list):
            raise TypeError("no list")
        return tuple(_row(row) for row in rows)
    except (KeyError, TypeError, AttributeError) as error:
        raise XlplError(
            f"not a table of scores ({error})",
            file=file,
            expected="what 'xlpl score --json' wrote",
            remedy=f"xlpl score --run RUN --references FOLDER --json {file} --force",
        ) from error


def _row(row: Mapping[str, Any]) -> ErrorRate:
    name = row["system"]
    found = _NAME.fullmatch(name)
    wer, cer = row["wer"], row["cer"]
    return ErrorRate(
        system=name,
        round=_round(found) if found else None,
        greedy=name.endswith(" greedy"),
        script=row["script"],
        wer=wer["value"],
        wer_interval=(wer["low"], wer["high"]),
        cer=cer["value"],
        cer_interval=(cer["low"], cer["high"]),
    )


def _round(name: re.Match[str]) -> int:
    return CONTINUOUS if name["phase"] else int(name["round"] or 0)
