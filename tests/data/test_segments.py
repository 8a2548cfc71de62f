"""Kaldi's segments and utt2spk: what is written is read back, and each field stands between spaces."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.data.segments import Segment, Segments, Speakers
from xlpl_plugin.errors import XlplError

NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\r\t\0"), min_size=1, max_size=12)
TIMES = st.integers(0, 10**7).flatmap(
    lambda start: st.tuples(st.just(start / 1000), st.integers(start + 1, 10**7 + 1).map(lambda end: end / 1000))
)


@settings(max_examples=100)
@given(rows=st.lists(st.tuples(NAMES, NAMES, TIMES), min_size=1, max_size=5, unique_by=lambda row: row[0]))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("data")
    segments = Segments(tuple(Segment(name, recording, *times) for name, recording, times in rows))
    speakers = Speakers({name: recording for name, recording, _ in rows})
    segments.write(folder)
    speakers.write(folder)
    assert Segments.read(folder) == segments
    assert Speakers.read(folder) == speakers
    # as Kaldi's own tools read it
    lines = (folder / "segments").read_text(encoding="utf-8").split("\n")[:-1]
    assert [len(line.split()) for line in lines] == [4] * len(rows)


def test_no_rows_no_file(tmp_path: Path) -> None:
    Segments(()).write(tmp_path)
    Speakers({}).write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert Segments.read(tmp_path).rows == ()
    assert Speakers.read(tmp_path).of == {}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("u r 0", "3 fields"), ("u r 0 1 2", "5 fields"), ("u r 0 one", "'one'"), ("u r 2 1", "from 2.0 to 1.0")],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "segments").write_text(f"a r 0 1\n{line}\n", encoding="utf-8")
    with pytest.raises(XlplError, match=complaint) as caught:
        Segments.read(tmp_path)
    assert "segments:2:" in str(caught.value)
