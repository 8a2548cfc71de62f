"""`xlpl check` on train, valid and test: what stands in two of them, and whether that was to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.preparing import hiss, run, save

from xlpl_plugin.cli.check import command
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.segments import Speakers

PEOPLE = [f"speaker {number}" for number in range(10)]


def recorded(folder: Path, who: str, number: int, text: str, part: str = "") -> Item:
    audio = save(folder / "a.wav", hiss(2))
    return Item(f"{who}-{number}", audio, text, speaker=who, part=part)


def check(folder: Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(command, [str(folder), "--workers", "1", "--json"])
    assert not isinstance(result.exception, Exception), result.exception
    return result.exit_code, json.loads(result.stdout)


def words(number: int) -> str:
    """A sentence of its own for each number."""
    return "wort " + "".join("abcdefghij"[int(digit)] for digit in str(number))


@pytest.fixture
def by_speaker(tmp_path: Path) -> Path:
    items = [recorded(tmp_path, who, n, words(10 * i + n)) for i, who in enumerate(PEOPLE) for n in range(3)]
    run(items, tmp_path / "out", language="de", test=0.2, valid=0.1)
    return tmp_path / "out"


def test_each_part_tells_its_speakers_and_nothing_is_wrong(by_speaker: Path) -> None:
    code, report = check(by_speaker)
    assert (code, report["findings"], report["remarks"]) == (0, [], [])
    assert report["speakers"] == {"test": 2, "train": 7, "valid": 1}
    table = CliRunner().invoke(command, [str(by_speaker), "--workers", "1"]).output
    assert "speakers" in table.splitlines()[0]


def test_a_speaker_in_two_parts_is_found(by_speaker: Path) -> None:
    speakers = Speakers.read(by_speaker).of
    tested = (by_speaker / "test.tsv").read_text().splitlines()[1].partition(".flac")[0]
    trained = (by_speaker / "train.tsv").read_text().splitlines()[1].partition(".flac")[0]
    Speakers({**speakers, tested: speakers[trained]}).write(by_speaker)
    code, report = check(by_speaker)
    assert code == 1
    assert [finding["kind"] for finding in report["findings"]] == ["speaker in two parts"]
    assert f"{speakers[trained]!r} is in test and train" in report["findings"][0]["problem"]


def test_too_few_speakers_are_a_remark(tmp_path: Path) -> None:
    items = [recorded(tmp_path, who, n, words(30 * i + n)) for i, who in enumerate(PEOPLE[:2]) for n in range(20)]
    run(items, tmp_path / "out", language="de", test=0.2, valid=0.1)
    code, report = check(tmp_path / "out")
    assert (code, report["findings"]) == (0, [])
    [remark] = report["remarks"]
    assert remark["kind"] == "speaker in two parts"
    assert remark["text"].startswith("2 of 2 speakers stand in two parts (the division is by sentence)")


def test_what_the_corpus_divides_so_is_a_remark(tmp_path: Path) -> None:
    parts = {"train": "hallo du", "valid": "hallo du", "test": "guten tag"}
    items = [recorded(tmp_path, "ana", n, text, part) for n, (part, text) in enumerate(parts.items())]
    run(items, tmp_path / "out", language="de")
    code, report = check(tmp_path / "out")
    assert (code, report["findings"]) == (0, [])
    texts = {remark["kind"]: remark["text"] for remark in report["remarks"]}
    assert texts["sentence in two parts"].startswith("1 of 2 sentences stand in two parts (the corpus divides so)")
    assert texts["speaker in two parts"].startswith("1 of 1 speakers stand in two parts (the corpus divides so)")
    assert texts["speakers"].startswith("'ana' speaks all of train")


def test_a_damaged_list_of_speakers_is_found(by_speaker: Path) -> None:
    (by_speaker / "utt2spk").write_text("a b c\n")
    code, report = check(by_speaker)
    assert code == 1
    assert report["findings"][0]["kind"] == "speakers"
