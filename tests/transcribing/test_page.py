"""The examples of docs/transcribing.md, run as they stand there."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from conftest import MakeFolder

# the run that they share takes a minute to make
pytestmark = pytest.mark.slow
PAGE = Path(__file__).parent.parent.parent / "docs" / "transcribing.md"


def test_examples(tiny_run: Path, tmp_path: Path, make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "it").symlink_to(tiny_run)
    made = make_folder(tmp_path / "data", {"test": ["cab dad"]}, labels=False)
    (tmp_path / "recordings").mkdir()
    (made / "audio" / "test" / "0.flac").rename(tmp_path / "recordings" / "talk.wav")
    monkeypatch.chdir(tmp_path)
    done = doctest.testfile(str(PAGE), module_relative=False)
    assert done.attempted > 6
    assert not done.failed
