"""Picked utterances as an ELAN document over the joined recording, and what a person wrote there.

ELAN has no place for "looked at", so every transcript begins with a question mark and the label. The person takes the
mark away when the words are right: what keeps it is not taken as true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import langcodes

from xlpl_plugin.errors import XlplError
from xlpl_plugin.extras import optional_module
from xlpl_plugin.files import must_exist
from xlpl_plugin.picking.sound import Span
from xlpl_plugin.picking.table import Correction, TableRow

UNSEEN = "?"
TRANSCRIPT, LABEL, ID = "transcript", "label", "id"


def elan_language(code: str) -> tuple[str, str] | None:
    """Return the three letters by which ELAN knows a language, and its name; None where it knows none such.

    ELAN takes the languages of ISO 639-3, without script or territory; codes of private use are none of them.
    """
    language = langcodes.get(code.replace("_", "-")).language or ""
    try:
        three = langcodes.Language.make(language=language).to_alpha3()
    except LookupError:
        return None
    return None if "qaa" <= three <= "qtz" else (three, f"{langcodes.get(language).display_name()} ({three})")


def write_elan(
    file: Path, rows: Sequence[TableRow], spans: Mapping[str, Span], joined: Path, language: tuple[str, str] | None
) -> None:
    """Write tiers transcript, label and id over the recording ``joined``, which will lie beside the document.

    Raises:
        XlplError: pympi is not installed.
    """
    document = optional_module("pympi.Elan", "linguistics", "picking for ELAN").Eaf(author="xlpl")
    if language:
        document.add_language(language[0], None, language[1])
    for name in (TRANSCRIPT, LABEL, ID):
        document.add_tier(name, language=language[0] if language and name != ID else None)
    document.remove_tier("default")
    for row in rows:
        texts = {TRANSCRIPT: f"{UNSEEN} {row.label}".rstrip(), LABEL: row.label, ID: row.id}
        for name, text in texts.items():
            document.add_annotation(name, *spans[row.id], text)
    document.add_linked_file(joined.absolute().as_uri(), relpath=f"./{joined.name}", mimetype="audio/x-wav")
    document.to_file(str(file))


def read_elan(file: Path) -> dict[str, Correction]:
    """Return id -> what the person wrote, for the utterances whose transcript lost its question mark.

    A transcript belongs to the utterance in whose time its middle lies; where it was split, the parts are joined.

    Raises:
        XlplError: no ELAN document, a tier missing, or a transcript that belongs to no utterance.
    """
    document = _open(must_exist(file, "the picked.eaf of `xlpl pick`, corrected in ELAN"))
    utterances = _annotations(document, ID, file)
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for start, end, text in _annotations(document, TRANSCRIPT, file):
        owner = next((name for first, last, name in utterances if first <= (start + end) / 2 <= last), None)
        if owner is None:
            raise XlplError(
                f"the transcript {text!r} at {start / 1000:.2f} s belongs to no utterance",
                file=file,
                expected=f"transcripts within the times of the tier {ID!r}",
                remedy="move it in ELAN to the utterance that it is of, or delete it",
            )
        parts[owner].append(text)
    said = {name: _said(texts) for name, texts in parts.items()}
    return {name: correction for name, correction in said.items() if correction is not None}


def _said(texts: Sequence[str]) -> Correction | None:
    return None if any(text.lstrip().startswith(UNSEEN) for text in texts) else Correction.parse(" ".join(texts))


def _open(file: Path) -> Any:
    elan = optional_module("pympi.Elan", "linguistics", "a document of ELAN", file)
    try:
        return elan.Eaf(str(file), suppress_version_warning=True)
    except Exception as error:  # pympi raises plain ones, and those of whatever it stumbles over
        raise XlplError(
            f"not an ELAN document: {error}", file=file, expected="an .eaf that ELAN has saved", remedy="save it again"
        ) from error


def _annotations(document: Any, tier: str, file: Path) -> list[tuple[int, int, str]]:
    """Return (start, end, text) by time."""
    if tier not in document.tiers:
        problem = f"no tier {tier!r}, but {', '.join(map(repr, document.tiers)) or 'none'}"
        remedy = "correct the picked.eaf of `xlpl pick`, and leave the names of its tiers as they are"
        raise XlplError(problem, file=file, expected=f"tiers {TRANSCRIPT!r} and {ID!r}", remedy=remedy)
    found = document.get_annotation_data_for_tier(tier)
    if any(None in (start, end) for start, end, *_ in found):
        raise XlplError(f"the tier {tier!r} has an annotation without times", file=file, expected="aligned annotations")
    return sorted((start, end, text) for start, end, text, *_ in found)
