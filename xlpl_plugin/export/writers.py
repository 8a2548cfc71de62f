"""The forms of transcripts by their names, which are also the suffixes of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xlpl_plugin.errors import XlplError
from xlpl_plugin.export.elan import eaf
from xlpl_plugin.export.plain import as_json, ctm, text
from xlpl_plugin.export.praat import text_grid
from xlpl_plugin.export.subtitles import srt, vtt
from xlpl_plugin.transcribing.transcript import Transcript

Writer = Callable[[Transcript], str]
WRITERS: Mapping[str, Writer] = {
    "txt": text,
    "json": as_json,
    "srt": srt,
    "vtt": vtt,
    "ctm": ctm,
    "TextGrid": text_grid,
    "eaf": eaf,
}
# forms that say in each line which recording it is of
NAMED = ("json", "ctm")


def writer(form: str) -> Writer:
    """Return the writer of a form, after it has written an empty transcript: a missing library is told at once.

    Raises:
        XlplError: no form is called so, or what it needs is not installed.
    """
    if form not in WRITERS:
        raise XlplError(f"unknown format {form!r}", expected=f"one of {', '.join(WRITERS)}")
    write = WRITERS[form]
    write(Transcript("", 1.0))
    return write
