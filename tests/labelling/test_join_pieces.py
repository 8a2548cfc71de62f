"""`xlpl labels join`: the labels of pieces come back together by recording, in the order of time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.label_records import record, write_labels
from support.long_recording import music, silence
from support.long_recording import record as talk_with
from support.preparing import run, save

from xlpl_plugin.cli.labels_join import command
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.segments import Segments
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.records import LabelRecord


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two long recordings cut into pieces, and a short one."""
    folder = tmp_path_factory.mktemp("talks")
    talk = talk_with([silence(1), music(3), silence(3), silence(2), music(2), silence(3), silence(2)])
    items = [Item(name, save(folder / f"{name}.flac", talk.samples)) for name in ("talk b", "talk a")]
    items.append(Item("short", save(folder / "short.flac", talk.samples[:48_000])))
    run(items, folder / "data")
    return folder / "data"


def labels_of(data: Path, folder: Path) -> Path:
    """Label every utterance with its own number, in an order of no meaning."""
    ids = read_manifest(data, "train").ids
    made = [
        record(name, f"word {number}", "w o r d |", word_times=((0.1, 0.4), (0.5, 0.9)), word_confidences=(0.5, 0.25))
        for number, name in enumerate(ids)
    ]
    return write_labels(folder, made[::-1])


def join(labels: Path, data: Path, out: Path, *more: str) -> str:
    result = CliRunner().invoke(
        command, [str(labels), str(data), "--out", str(out), *more], catch_exceptions=False, standalone_mode=False
    )
    if result.exception is not None:
        raise result.exception
    return result.output


def test_labels_stand_by_recording_and_time(data: Path, tmp_path: Path) -> None:
    printed = join(labels_of(data, tmp_path / "labels"), data, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = {row.id: row for row in Segments.read(data).rows}
    assert f"{len(rows) + 1} labels of 3 recordings\n" in printed
    assert [line["recording"] for line in lines] == sorted(line["recording"] for line in lines)
    assert {line["recording"] for line in lines} == {"talk a", "talk b", "short"}
    assert [(line["start"], line["end"]) for line in lines if line["recording"] == "talk a"] == [
        (row.start, row.end) for row in sorted(rows.values(), key=lambda row: row.start) if row.recording == "talk a"
    ]
    for line in lines:
        start = rows[line["id"]].start if line["id"] in rows else 0.0
        assert line["words"][0]["start"] == pytest.approx(start + 0.1, abs=1e-3)
        assert line["words"][1]["end"] == pytest.approx(start + 0.9, abs=1e-3)


def test_ctm_and_text(data: Path, tmp_path: Path) -> None:
    labels = labels_of(data, tmp_path / "labels")
    join(labels, data, tmp_path / "ctm", "--form", "ctm")
    rows = [line.split() for line in (tmp_path / "ctm").read_text().splitlines()]
    assert {len(row) for row in rows} == {6}
    assert {row[0] for row in rows} == {"short", "talk_a", "talk_b"}
    times = [float(row[2]) for row in rows if row[0] == "talk_a"]
    assert times == sorted(times)
    join(labels, data, tmp_path / "text", "--form", "text")
    texts = dict(line.split("\t") for line in (tmp_path / "text").read_text().splitlines())
    assert texts.keys() == {"short", "talk a", "talk b"}
    assert len(texts["talk a"].split()) == 2 * sum(row.recording == "talk a" for row in Segments.read(data).rows)


def test_pieces_without_a_label_are_counted(data: Path, tmp_path: Path) -> None:
    ids = [row.id for row in Segments.read(data).rows]
    labels = write_labels(tmp_path / "labels", [record(ids[0], "a word", "a |")])
    same = sum(row.recording == Segments.read(data).rows[0].recording for row in Segments.read(data).rows)
    assert f"1 labels of 1 recordings; {same - 1} of their pieces" in join(labels, data, tmp_path / "out")


def test_refusals(data: Path, tmp_path: Path) -> None:
    timeless: LabelRecord = record("short", "a word", "a |")
    labels = write_labels(tmp_path / "labels", [timeless])
    with pytest.raises(XlplError, match="short has no times of words"):
        join(labels, data, tmp_path / "out", "--form", "ctm")
    with pytest.raises(XlplError, match="unknown form 'srt'"):
        join(labels, data, tmp_path / "out", "--form", "srt")
    with pytest.raises(XlplError, match="no such file or folder"):
        join(tmp_path, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    join(labels, data, tmp_path / "out")
    with pytest.raises(XlplError, match="already holds results"):
        join(labels, data, tmp_path / "out")
