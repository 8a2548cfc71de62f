"""Debian's packages where apt's own lists are of no use."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from xlpl_plugin.debian import fetch_package

# refuses what is not told where the lists are, as apt-get does with empty lists, and copies a package otherwise
APT_GET = """#!/bin/sh
case "$*" in
  update*Dir::State::Lists=*) touch "$0.updated" ;;
  download*Dir::State::Lists=*) test -e "$0.updated" && cp "$0.deb" tone.deb ;;
  *) echo "E: Unable to locate package tone" >&2; exit 100 ;;
esac
"""


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg here")
def test_empty_package_lists_are_fetched_without_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, tool = tmp_path / "files", tmp_path / "bin" / "apt-get"
    (files / "DEBIAN").mkdir(parents=True)
    (files / "DEBIAN" / "control").write_text(
        "Package: tone\nVersion: 1\nArchitecture: all\nMaintainer: m\nDescription: d\n"
    )
    (files / "tone.txt").write_text("beep\n")
    tool.parent.mkdir()
    tool.write_text(APT_GET)
    tool.chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", files, f"{tool}.deb"], check=True, capture_output=True)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")

    folder = fetch_package("tone", tmp_path / "cache")
    assert (folder / "tone.txt").read_text() == "beep\n"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["tone"]
