"""Synthetic speech by espeak-ng, prepared as a labelled folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xlpl_plugin.audio.espeak import Voice, speak
from xlpl_plugin.audio.noise import add_noise
from xlpl_plugin.cli.prepare_espeak import command
from xlpl_plugin.data.checking.check import check_folder
from xlpl_plugin.data.corpora import synthetic
from xlpl_plugin.data.corpora.synthetic import Cast, phrases, synthesize
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.split import draw_part
from xlpl_plugin.errors import XlplError


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(XlplError, match="no voice 'xx-nowhere"):
        speak("a", Voice("xx-nowhere"))


def test_a_language_without_words_is_named() -> None:
    with pytest.raises(XlplError, match="no words of language 'haw'") as caught:
        next(phrases("haw", seed=1))
    assert "text of your own" in str(caught.value)


def test_slower_speech_is_longer() -> None:
    slow, fast = (speak("buenos días", Voice("es", words_per_minute=rate)) for rate in (100, 200))
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


class Listener:
    """Speaks by espeak-ng, and remembers who said what."""

    def __init__(self) -> None:
        self.variants: dict[str, str] = {}

    def speak(self, text: str, voice: Voice) -> np.ndarray:
        self.variants[text] = voice.variant
        return speak(text, voice)


def test_test_voices_speak_the_test_part_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setattr(synthetic, "speak", listener.speak)
    lines = [f"la casa {number}" for number in range(30)]
    parts = {line: ("train", "test", "valid")[number % 3] for number, line in enumerate(lines)}
    cast = Cast(voices=("m1", "m2"), test_voices=("f4", "f5"))
    items = synthesize(iter(lines), "es", 0.3, tmp_path, seed=1, cast=cast, part_of=parts.__getitem__)
    assert len(items) > 10
    assert [item.part for item in items] == [parts[item.text or ""] for item in items]
    heard = {
        part: {listener.variants[line] for line in lines[: len(items)] if parts[line] == part}
        for part in parts.values()
    }
    assert heard == {"train": {"m1", "m2"}, "valid": {"m1", "m2"}, "test": {"f4", "f5"}}


def test_the_test_part_of_the_verb_is_that_of_the_test_voices(tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "es"
    text.write_text(
        "".join(f"la casa {word} es grande\n" for word in ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete"])
    )
    options = ["--language", "es", "--minutes", "0.15", "--text", str(text), "--test", "0.5", "--valid", "0"]
    voices = ["--voices", "m1", "--test-voices", "f5", "--noise", "10", "20"]
    CliRunner().invoke(command, [*options, *voices, "--workers", "1", "--out", str(out)], catch_exceptions=False)
    spoken = {part: {u.words for u in read_manifest(out, part).utterances} for part in ("train", "test")}
    assert spoken["train"]
    assert spoken["test"]
    for part, words in spoken.items():
        assert all(draw_part(word or "", valid=0, test=0.5, seed=1) == part for word in words)


def test_a_voice_in_training_and_test_is_refused() -> None:
    with pytest.raises(XlplError, match="voice m2 in training"):
        Cast(voices=("m1", "m2"), test_voices=("m2",))
    with pytest.raises(XlplError, match="noise"):
        Cast(noise=(20, 10))


def test_noise_is_as_loud_as_asked_for_and_nothing_clips() -> None:
    rng = np.random.default_rng(1)
    speech = np.sin(np.arange(16_000) / 7).astype(np.float32)
    for decibels in (0.0, 20.0):
        mixed = add_noise(speech, decibels, rng)
        assert mixed.dtype == np.float32
        assert np.abs(mixed).max() < 1
        # what is not explained by the speech is the noise
        scale = float(mixed @ speech / (speech @ speech))
        noise = mixed / scale - speech
        assert 10 * np.log10(np.mean(speech**2) / np.mean(noise**2)) == pytest.approx(decibels, abs=0.3)


def test_too_little_text_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("uno dos\n", encoding="utf-8")
    options = ["--language", "es", "--minutes", "5", "--text", str(text), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, options)
    assert isinstance(result.exception, XlplError)
    assert "minutes early" in str(result.exception)
    assert not (tmp_path / "out").exists()
