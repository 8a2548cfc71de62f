"""Which recordings the arguments of `xlpl transcribe` stand for."""

from __future__ import annotations

import io
from pathlib import Path

from xlpl_plugin.transcribing.sources import find_sources


def test_a_folder_with_links_and_hidden_folders(tmp_path: Path) -> None:
    """A link to a folder is followed, once; what is hidden is no recording of the user's."""
    for name in ("in/a.wav", "in/.trash/b.wav", "in/._a.wav", "in/notes.txt", "elsewhere/c.MP3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    found = find_sources([str(tmp_path / "in")], io.BytesIO(), tmp_path)
    assert [str(source.place) for source in found] == ["a", "linked/c"]
