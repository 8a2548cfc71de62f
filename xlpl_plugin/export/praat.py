"""Praat's TextGrid, by praatio."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from xlpl_plugin.export.tiers import tiers
from xlpl_plugin.extras import optional_module
from xlpl_plugin.transcribing.transcript import Transcript


def text_grid(transcript: Transcript) -> str:
    """Return a TextGrid with the tiers utterances, words and confidence."""
    textgrid = optional_module("praatio.textgrid", "linguistics", "--format TextGrid")
    rows = tiers(transcript)
    last = max([round(transcript.seconds, 3), *(row.end / 1000 for tier in rows.values() for row in tier)])
    grid = textgrid.Textgrid(0, last)
    for name, intervals in rows.items():
        entries = [(row.start / 1000, row.end / 1000, row.text) for row in intervals]
        grid.addTier(textgrid.IntervalTier(name, entries, 0, last))
    with TemporaryDirectory(prefix="xlpl-") as folder:
        file = Path(folder) / "it.TextGrid"
        grid.save(str(file), format="long_textgrid", includeBlankSpaces=True)
        return file.read_text(encoding="utf-8")
