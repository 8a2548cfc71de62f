"""Stored log-probs: what is refused, that nothing is lost or changed, and that an interrupted run goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xlpl_plugin.data.manifest import Manifest, read_manifest, write_manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.emissions.compute import Emissions, EmitConfig, InputConfig, Window, emit, open_source
from xlpl_plugin.errors import XlplError

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
STRIDE = 640
LENGTHS = [8000, 30000, 320, 16000, 12000, 16000, 640]


class FakeModel:
    """Log-probs that depend on the audio alone; ``pause`` makes it slow."""

    units = UNITS
    pause = 0.0

    def __init__(self) -> None:
        self.calls = 0

    def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        self.calls += 1
        time.sleep(self.pause)
        return [self.of(waveform) for waveform in waveforms]

    @staticmethod
    def of(waveform: np.ndarray) -> np.ndarray:
        frames = len(waveform) // STRIDE
        logits = np.outer(waveform[: frames * STRIDE : STRIDE], np.arange(len(UNITS))) * 20
        return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", lambda path, **_: fake)
    return fake


def record(folder: Path, lengths: list[int]) -> EmitConfig:
    """Noise in a prepared folder, and a checkpoint of five bytes."""
    rng = np.random.default_rng(1)
    audio = folder / "audio"
    audio.mkdir()
    utterances = []
    for number, samples in enumerate(lengths):
        soundfile.write(audio / f"u{number}.flac", rng.uniform(-0.5, 0.5, samples), 16_000)
        utterances.append(Utterance(f"u{number}.flac", samples))
    write_manifest(folder, "train", Manifest(audio, tuple(utterances)))
    (folder / "am.pt").write_bytes(b"model")
    return EmitConfig(am=str(folder / "am.pt"), data=str(folder), out=str(folder / "em"), max_seconds=2.0)


@pytest.fixture
def config(tmp_path: Path) -> EmitConfig:
    """Seven recordings of 0.02 to 1.9 s, the shortest without a frame."""
    return record(tmp_path, LENGTHS)


def content(folder: str | Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(Path(folder).rglob("*.*"))}


def test_other_options_and_other_content_are_refused(config: EmitConfig, model: FakeModel) -> None:
    emit(config)
    before = content(config.out)
    with pytest.raises(XlplError, match=r"other settings(.|\n)*window_seconds: 30.0 -> 20.0"):
        emit(replace(config, window_seconds=20.0))
    Path(config.am).write_bytes(b"other")
    with pytest.raises(XlplError, match=r"other settings(.|\n)*am: "):
        emit(config)
    assert content(config.out) == before
    assert emit(config, force=True).am_sha256 != json.loads(before["provenance.json"])["settings"]["am"]
    with pytest.raises(XlplError, match="already holds results"):
        emit(replace(config, out=config.data))


def test_bfloat16_makes_others_and_its_absence_the_same_as_ever(config: EmitConfig, model: FakeModel) -> None:
    emit(config)
    settings = json.loads((Path(config.out) / "provenance.json").read_text())["settings"]
    assert "bf16" not in settings
    with pytest.raises(XlplError, match=r"other settings(.|\n)*bf16"):
        emit(replace(config, bf16=True))
    emit(replace(config, bf16=True), force=True)
    settings = json.loads((Path(config.out) / "provenance.json").read_text())["settings"]
    assert settings["bf16"] is True


def test_a_wrong_audio_folder_is_refused(config: EmitConfig, model: FakeModel) -> None:
    for number in (0, 2, 3, 5):
        (Path(config.data) / f"audio/u{number}.flac").unlink()
    with pytest.raises(XlplError, match=r"u0\.flac: no such file or folder; and so with 4 of 7"):
        emit(config)
    with pytest.raises(XlplError, match="4 of 7"):
        open_source(InputConfig(am=config.am, data=config.data))
    assert not Path(config.out).exists()


def test_an_unreadable_recording_has_no_frames_and_a_reason(config: EmitConfig, model: FakeModel) -> None:
    soundfile.write(Path(config.data) / "audio/u4.flac", np.zeros(11999), 16_000)
    (Path(config.data) / "audio/u1.flac").unlink()
    emissions = {e.utterance.id: e for e in emit(config).stream(read_manifest(config.data, "train"))}
    assert list(emissions) == [f"u{n}" for n in range(7)]
    assert {name: e.error for name, e in emissions.items() if e.error} == {
        "u1": "unreadable: no such file or folder",
        "u4": "unreadable: 11999 samples, but 12000 in the manifest",
    }
    assert emissions["u4"].log_probs.shape == (0, len(UNITS))
    assert emissions["u4"].windows == ()
    assert emissions["u2"].windows == (Window(0, 0.0, 0.02),)


def test_unfinished_and_damaged_folders_are_refused(config: EmitConfig, model: FakeModel) -> None:
    out = Path(config.out)
    with pytest.raises(XlplError, match="a folder of emissions"):
        Emissions(out)
    config.shard_size = 2
    stored = emit(config)
    whole = content(out)
    (out / "shards/00001.f32").write_bytes(whole["shards/00001.f32"][:50])
    with pytest.raises(XlplError, match=r"00001\.f32: damaged"):
        [stored[name] for name in stored.ids]
    (out / "shards/00002.json").unlink()
    with pytest.raises(XlplError, match="unfinished: 1 of 4 shards"):
        Emissions(out)
    assert content(emit(config).folder) == whole
    marker = json.loads((out / "shards/00000.json").read_text())
    (out / "shards/00000.json").write_text(json.dumps({**marker, "frames": None}))
    with pytest.raises(XlplError, match="not emissions"):
        Emissions(out)
    (out / "provenance.json").write_text("{}")
    with pytest.raises(XlplError, match="not the provenance"):
        Emissions(out)


def test_emissions_of_other_audio_are_refused(config: EmitConfig, model: FakeModel) -> None:
    stored = emit(config)
    manifest = read_manifest(config.data, "train")
    longer = Manifest(manifest.root, (*manifest.utterances[:3], Utterance("u3.flac", 16001)))
    with pytest.raises(XlplError, match="had 16000 samples"):
        list(stored.stream(longer))
    unknown = Manifest(manifest.root, (Utterance("u9.flac", 16001),))
    with pytest.raises(XlplError, match="u9"):
        list(stored.stream(unknown))


@pytest.mark.parametrize("shard_size", [1, 3, 500])
def test_every_utterance_keeps_its_own_log_probs(config: EmitConfig, model: FakeModel, shard_size: int) -> None:
    config.shard_size = shard_size
    stored = emit(config)
    manifest = read_manifest(config.data, "train")
    found = {emission.utterance.id: emission for emission in stored.stream(manifest)}
    assert list(found) == manifest.ids
    assert set(stored.ids) == set(manifest.ids)
    assert len(stored) == len(manifest.ids)
    for utterance in manifest.utterances:
        waveform, _ = soundfile.read(manifest.root / utterance.path, dtype="float32")
        emission = found[utterance.id]
        np.testing.assert_array_equal(emission.log_probs, FakeModel.of(waveform))
        assert emission.windows == (Window(len(emission.log_probs), 0.0, len(waveform) / 16_000),)
    assert found["u2"].log_probs.shape == (0, len(UNITS))
    assert stored.units == UNITS
    assert json.loads((Path(config.out) / "provenance.json").read_text())["am"] == config.am


def test_windows_are_kept(config: EmitConfig, model: FakeModel) -> None:
    config.window_seconds = 1.0
    stored = {e.utterance.id: e for e in emit(config).stream(read_manifest(config.data, "train"))}
    source = open_source(InputConfig(am=config.am, data=config.data, window_seconds=1.0))
    computed = {e.utterance.id: e for e in source.stream(read_manifest(config.data, "train"))}
    assert len(stored["u1"].windows) >= 2
    assert sum(window.seconds for window in stored["u1"].windows) == pytest.approx(30000 / 16000)
    for name, emission in stored.items():
        assert emission.windows == computed[name].windows
        np.testing.assert_array_equal(emission.log_probs, computed[name].log_probs)


def test_finished_shards_are_not_computed_again(config: EmitConfig, model: FakeModel) -> None:
    config.shard_size = 2
    emit(config)
    whole, calls = content(config.out), model.calls
    emit(config)
    assert model.calls == calls
    for file in (Path(config.out) / "shards").glob("00001.*"):
        file.unlink()
    (Path(config.out) / "shards/.00001.f32.x.part").write_bytes(b"half")
    wanted = InputConfig(am=config.am, data=config.data, emissions=config.out)
    with pytest.raises(XlplError, match="shard_size"):  # not how this folder was begun
        open_source(wanted)
    emit(config)
    assert content(config.out) == whole
    assert model.calls == calls + 1
    open_source(wanted)
    assert model.calls == calls + 1


def test_a_run_killed_at_its_first_file_goes_on(config: EmitConfig, model: FakeModel) -> None:
    Path(config.out).mkdir()
    (Path(config.out) / ".provenance.json.1.part").write_text("{")
    emit(config)
    assert set(content(config.out)) == {"provenance.json", "shards/00000.f32", "shards/00000.json"}


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path, model: FakeModel) -> None:
    rng = random.Random(3)
    config = record(tmp_path, [rng.randrange(300, 20_000) for _ in range(24)])
    config.shard_size, config.window_seconds = 2, 1.0
    undisturbed = content(emit(replace(config, out=str(tmp_path / "undisturbed"))).folder)
    model.pause = 0.03
    kills = 0
    for _ in range(200):
        child = os.fork()
        if child == 0:
            try:
                emit(config)
            finally:
                os._exit(0 if Path(config.out, "shards/00011.json").exists() else 1)
        time.sleep(rng.uniform(0.01, 0.12))
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        kills += 1
    assert kills >= 3
    assert content(emit(config).folder) == undisturbed
