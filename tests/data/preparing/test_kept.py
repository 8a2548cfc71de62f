"""Kept utterances as columns are what was put in."""

from __future__ import annotations

from xlpl_plugin.data.preparing.kept import Kept, KeptColumns
from xlpl_plugin.data.segments import Segment

KEPT = [
    Kept("a b/c", 4, ".flac", 16_000, linked=True),
    Kept("talk-0000000-0000150", 2, ".opus", 24_000, "talk", 0.0, 1.5),
    Kept("talk-0000150-0000900", 2, ".opus", 120_000, "talk", 1.5, 9.0),
]


def test_kept_utterances_come_back() -> None:
    columns = KeptColumns()
    columns.extend(KEPT[:1])
    columns.extend(KEPT[1:])
    assert list(columns) == [columns[place] for place in range(3)] == KEPT
    assert columns[1:] == tuple(KEPT[1:])
    assert columns.linked == 1
    assert columns.file(0) == "a b/c.flac"
    assert columns.segment(1) == Segment("talk-0000000-0000150", "talk", 0.0, 1.5)
