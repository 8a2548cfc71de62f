"""Configurations of the verbs: what is wrong with a file is said with its name and line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from xlpl_plugin.config import load_config
from xlpl_plugin.errors import XlplError


@dataclass
class Options:
    beam: int = 500
    lm: str = ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("beam: 5\n  wrong: [", r"run\.yaml:2: not YAML"),
        ("- beam\n", r"run\.yaml: holds a list"),
        ("beem: 5\n", r"unknown key 'beem'(.|\n)*did you mean 'beam'"),
        ("beam: wide\n", "run.yaml: beam: Value 'wide'"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(XlplError, match=problem):
        load_config(Options, tmp_path / "run.yaml")


def test_overrides_win_and_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("beam: 5\n")
    (tmp_path / "empty.yaml").write_text("")
    assert load_config(Options, tmp_path / "run.yaml", ["beam=7"]).beam == 7
    assert load_config(Options, tmp_path / "empty.yaml").beam == 500


def test_an_override_without_a_value_is_an_empty_text(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("lm: lm.bin\n")
    assert load_config(Options, tmp_path / "run.yaml", ["lm="]).lm == ""
    assert load_config(Options, tmp_path / "run.yaml", ["lm=a="]).lm == "a="
    with pytest.raises(XlplError, match="command line: beam: Value ''"):
        load_config(Options, None, ["beam="])
