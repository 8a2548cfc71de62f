"""`xlpl check` on transcripts: against their audio, a text and a lexicon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xlpl_plugin.audio.reading import write_audio
from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.items import Item
from xlpl_plugin.data.prepare import PrepareOptions, prepare
from xlpl_plugin.data.units import frames_needed
from xlpl_plugin.files import write_lines
from xlpl_plugin.text.spelling.lexicon import Lexicon, write_lexicon

TEXTS = {"slow": "one", "fast": "a b c d e f g h i j", "usual": "two words"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    items = []
    for name, text in TEXTS.items():
        seconds = 4.0 if name == "slow" else 1.0
        audio = tmp_path / f"{name}.flac"
        write_audio(audio, rng.uniform(-0.2, 0.2, int(16_000 * seconds)).astype(np.float32))
        items.append(Item(name, audio, text))
    options = PrepareOptions(language="en", test=0.0, valid=0.0, min_rate=0.0, workers=1)
    prepare(items, tmp_path / "data", options)
    return tmp_path / "data"


def remarks(folder: Path, **more: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for remark in check_folder(folder, workers=1, **more).remarks:  # type: ignore[arg-type]
        found.setdefault(remark.kind, []).append(remark.text)
    return found


def test_speed(folder: Path) -> None:
    assert remarks(folder) == {
        "speed": [
            "1 of 3 utterances have more than 6 words a second: fast",
            "1 of 3 utterances have fewer than 0.3 words a second: slow",
        ]
    }


def test_labels_that_no_model_can_learn(folder: Path) -> None:
    report = check_folder(folder, workers=1, frame_seconds=0.06)
    assert [(fault.kind, fault.line, fault.problem) for fault in report.findings] == [
        ("label too long", 1, "20 units, but the audio has 16 frames of 60 ms")
    ]
    assert frames_needed(["a", "a", "b", "b", "c"]) == 7


def test_text_and_lexicon(folder: Path, tmp_path: Path) -> None:
    write_lines(tmp_path / "text.txt", ["one two three"])
    write_lexicon(tmp_path / "lexicon.txt", Lexicon({"words": (tuple("words|"),), "quiz": (tuple("quiz|"),)}))
    found = remarks(folder, text=tmp_path / "text.txt", lexicon=tmp_path / "lexicon.txt")
    assert found["OOV"][0].startswith(f"84.6% of the transcripts' words are not in {tmp_path / 'text.txt'}: ")
    assert sorted(text.split(";")[0] for text in found["units"]) == [
        "no transcript has 'q'", "no transcript has 'u'", "no transcript has 'z'",
    ]  # fmt: skip


def test_foreign_letters(folder: Path) -> None:
    (folder / "train.wrd").write_text("a b\nдва\ntwo words\n", encoding="utf-8")
    assert remarks(folder)["script"] == ["20.0% of the words have letters of another script: два"]


def test_another_language_in_the_same_script(folder: Path, tmp_path: Path) -> None:
    italian = "il treno per la città parte ogni mattina alle otto"
    write_lines(tmp_path / "text.txt", ["the train to the city leaves at eight every morning", italian])
    [said] = remarks(folder, text=tmp_path / "text.txt")["language"]
    assert said == f"{tmp_path / 'text.txt'}: 50.0% of 2 sentences seem to be in another language: Italian 1"
