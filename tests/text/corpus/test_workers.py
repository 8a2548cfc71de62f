"""Worker processes change nothing of what is written."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from xlpl_plugin.text.corpus.exclusion import Exclusion
from xlpl_plugin.text.corpus.prepare_text import TextOptions, prepare_text
from xlpl_plugin.text.corpus.text_report import TextReport
from xlpl_plugin.text.documents import source


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make many small documents and a large one with sentences in common, pieces of 2 kB."""
    monkeypatch.setattr(source, "PIECE", 2000)
    monkeypatch.setattr("xlpl_plugin.text.corpus.prepare_text.PIECE", 2000)
    drawn = random.Random(2)
    words = ["il", "gatto", "dorme", "e", "la", "casa", "è", "di", "[eh]", "tutti", "€", "δ", "...", "7", "perché"]
    (tmp_path / "in").mkdir()
    for number in range(40):
        size = 3000 if number == 20 else 5
        lines = (" ".join(drawn.choices(words, k=drawn.randint(1, 4))) for _ in range(size))
        form = ("txt", "html")[number % 2]
        (tmp_path / "in" / f"{number:02}.{form}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "in"


def test_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "audio"
    manifest.mkdir()
    (manifest / "train.wrd").write_text("il gatto\n")
    reports = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        options = TextOptions(heldout=0.1, workers=workers)
        reports.append(prepare_text("it", [folder], out, options, exclude=[manifest]))
    for name in ("text.txt", "heldout.txt", "report.json"):
        one, two = ((tmp_path / f"out{workers}" / name).read_bytes() for workers in (1, 2))
        assert one == two
        assert len(one) > 300
    report = reports[0]
    assert TextReport.read(tmp_path / "out2" / "report.json") == report
    assert report.forms == {"txt": 20, "html": 20}
    assert report.dropped_characters["δ"] > 100
    assert report.removed_notes > 100
    assert report.left_out["shared with transcripts"] > 0
    assert report.left_out["empty after normalisation"] > 0
    assert report.sentences == len((tmp_path / "out1" / "text.txt").read_text("utf-8").splitlines())


@pytest.mark.parametrize("seed", range(3))
def test_exclusion_is_what_it_says(seed: int) -> None:
    """Compare with the plain rule: one is a transcript, or holds the other, which has five words or more."""
    drawn = random.Random(seed)
    transcripts = {" ".join(drawn.choices("ab", k=drawn.randint(1, 8))) for _ in range(15)}
    excluded = Exclusion(transcripts)
    found = 0
    for _ in range(2000):
        sentence = " ".join(drawn.choices("ab", k=drawn.randint(1, 12)))
        shared = sentence in transcripts or any(
            (f" {short} " in f" {long} ") and short.count(" ") >= 4
            for transcript in transcripts
            for short, long in ((transcript, sentence), (sentence, transcript))
        )
        assert (sentence in excluded) is shared
        found += shared
    assert 100 < found < 1900
