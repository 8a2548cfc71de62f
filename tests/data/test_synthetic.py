"""Synthetic speech by espeak-ng, prepared as a labelled folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xlpl_plugin.audio.espeak import Voice, engine
from xlpl_plugin.cli.prepare_espeak import command
from xlpl_plugin.data.check import check_folder
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.synthetic import phrases
from xlpl_plugin.errors import XlplError


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(XlplError, match="no voice 'xx-nowhere"):
        engine().speak("a", Voice("xx-nowhere"))


def test_a_language_without_words_is_named() -> None:
    with pytest.raises(XlplError, match="no words of language 'xx'") as caught:
        next(phrases("xx", seed=1))
    assert "text of your own" in str(caught.value)


def test_slower_speech_is_longer() -> None:
    slow, fast = (engine().speak("buenos días", Voice("es", words_per_minute=rate)) for rate in (100, 200))
    assert slow.dtype == np.float32
    assert np.abs(slow).max() <= 1.0
    assert slow.size > 1.3 * fast.size > 3200


def test_phrases_are_drawn_anew_by_another_seed_only() -> None:
    first, again, other = (phrases("ro", seed) for seed in (1, 1, 2))
    lines = [[next(generator) for _ in range(5)] for generator in (first, again, other)]
    assert lines[0] == lines[1] != lines[2]


def test_the_verb_writes_a_folder_that_passes_the_check(tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "es"
    text.write_text(
        "uno dos tres cuatro cinco seis\nla casa es grande\nel niño come pan\nun día más\nla noche es muy larga\n",
        encoding="utf-8",
    )
    options = ["--language", "es", "--minutes", "0.1", "--text", str(text), "--valid", "0", "--test", "0"]
    result = CliRunner().invoke(command, [*options, "--workers", "1", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    manifest = read_manifest(out, "train")
    assert manifest.seconds >= 6
    assert {utterance.words for utterance in manifest.utterances} <= set(text.read_text(encoding="utf-8").splitlines())
    assert not check_folder(out).findings


def test_too_little_text_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("uno dos\n", encoding="utf-8")
    options = ["--language", "es", "--minutes", "5", "--text", str(text), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, options)
    assert isinstance(result.exception, XlplError)
    assert "minutes early" in str(result.exception)
    assert not (tmp_path / "out").exists()
