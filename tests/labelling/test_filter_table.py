"""benchmarks/filters.py: the table that says what each measure knows of a label's errors."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from xlpl_plugin.data.manifest import Manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.files import write_lines
from xlpl_plugin.labelling.records import make_record, record_line


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "filter_table", Path(__file__).parents[2] / "benchmarks" / "filters.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_equal_values_share_their_rank(table: ModuleType) -> None:
    assert table.rank(np.array([3.0, 1.0, 3.0, 0.5])).tolist() == [2.5, 1.0, 2.5, 0.0]


def test_a_measure_that_knows_the_errors_sorts_them(table: ModuleType, tmp_path: Path) -> None:
    blank = make_record("", 2.0, 50, None, None)
    labels = [
        replace(blank, id=f"u{i}", words=words, units="a | b |", confidence=0.9 - 0.1 * i, error="")
        for i, words in enumerate((("a", "b"), ("a", "x"), ("y", "x"), ("y", "xx")))
    ]
    write_lines(tmp_path / "labels.jsonl", map(record_line, labels))
    truth = tuple(Utterance(f"{label.id}.flac", 32000, "a b", "a | b |") for label in labels)
    write_manifest(tmp_path / "truth", "train", Manifest(tmp_path, truth))
    result = CliRunner().invoke(table.main, [str(tmp_path), "--references", str(tmp_path / "truth")])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "4 labels, 0.1 minutes, WER 62.5, CER 50.0"
    row = next(line for line in lines if line.startswith("| confidence "))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == "-1.00"
    assert cells[-1] == "25.0 / 16.7"
