"""Items as columns are what was put in."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.data.items import Item, ItemColumns

NAMES = st.sampled_from(["a", "b/c", "d e", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
TIMES = st.sampled_from([0.0, 0.5, 1.25, 7.0])
ITEMS = st.builds(
    Item,
    NAMES,
    NAMES.map(Path),
    st.none() | st.sampled_from(["", "one two"]),
    st.sampled_from(["", "train", "test"]),
    st.sampled_from(["", "ann", "ben"]),
    TIMES,
    st.none() | TIMES,
    st.none() | st.integers(0, 3),
)


@given(st.lists(ITEMS, max_size=9), st.slices(9))
def test_items_come_back(items: list[Item], part: slice) -> None:
    columns = ItemColumns(items)
    assert list(columns) == [columns[row] for row in range(len(items))] == items
    assert columns == items
    assert columns[part] == items[part]
    assert ItemColumns.of(columns) is columns
    assert columns.has_texts == any(item.text is not None for item in items)
    whole = [item.start == 0 and item.end is None for item in items]
    assert [columns.is_whole(row) for row in range(len(items))] == whole


def test_only_stretches_of_one_channel_overlap() -> None:
    talk = Path("talk.wav")
    times = [(2.0, 3.0, 0), (0.0, 2.5, 0), (2.4, 2.6, 1), (2.5, 4.0, None), (2.9, None, 0), (9.0, 9.5, 0)]
    items = ItemColumns(Item(str(row), talk, None, "", "", *time) for row, time in enumerate(times))
    items.append(Item("other", Path("other.wav"), None, "", "", 2.1, 2.2, 0))
    items.append(Item("whole", talk))
    # that from 2 s on begins in that from 0 s on, that from 2.9 s on in it, and never ends
    assert items.overlaps(range(len(items))) == 3
    assert items.overlaps([0, 2, 3, 5, 6]) == 0
