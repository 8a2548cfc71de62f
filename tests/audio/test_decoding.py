"""Files in memory are searched as bytes are, and no search reads behind the last byte."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlpl_plugin.audio.decoding import Mapped


class Watched(mmap.mmap):
    """Python before 3.11.4 reads the byte at ``end``: it must be one of the file's."""

    def find(self, sub: bytes, start: int, end: int) -> int:  # type: ignore[override]
        assert end < len(self)
        return super().find(sub, start, end)


class MappedAndWatched(Mapped, Watched):
    pass


@given(
    content=st.lists(st.sampled_from(b"ab"), min_size=1, max_size=9).map(bytes),
    mark=st.lists(st.sampled_from(b"ab"), min_size=1, max_size=3).map(bytes),
    start=st.integers(0, 10),
    end=st.none() | st.integers(0, 10),
)
def test_searches_as_bytes_do_and_not_behind_the_end(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, mark: bytes, start: int, end: int | None
) -> None:
    file = tmp_path_factory.getbasetemp() / "content"
    file.write_bytes(content)
    with file.open("rb") as stream, MappedAndWatched(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped.find(mark, start, end) == content.find(mark, start, end)


def test_a_mark_at_the_end_of_whole_pages_is_found(tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(bytes(2 * mmap.PAGESIZE - 4) + b"fLaC")
    with (tmp_path / "pages").open("rb") as stream, Mapped(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped.find(b"fLaC") == 2 * mmap.PAGESIZE - 4
        assert mapped.find(b"none") == -1
