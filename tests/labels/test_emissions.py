"""Stored log-probs: what is refused, and that nothing is lost or changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from xlpl_plugin.data.manifest import Manifest, Utterance, read_manifest, write_manifest
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labels import emissions as module
from xlpl_plugin.labels.emissions import Emissions, EmitConfig, emit, length_batches

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
STRIDE = 640


class FakeModel:
    """Log-probs that depend on the audio alone; notes the batches that it saw."""

    units = UNITS

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def emit(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        self.batches.append([len(waveform) for waveform in waveforms])
        return [self.of(waveform) for waveform in waveforms]

    @staticmethod
    def of(waveform: np.ndarray) -> np.ndarray:
        frames = len(waveform) // STRIDE
        logits = np.outer(waveform[: frames * STRIDE : STRIDE], np.arange(len(UNITS))) * 20
        return (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", lambda path, device="cpu": fake)
    return fake


@pytest.fixture
def config(tmp_path: Path) -> EmitConfig:
    """Seven recordings of 0.02 to 1.9 s, the shortest without a frame; a checkpoint of five bytes."""
    rng = np.random.default_rng(1)
    audio = tmp_path / "audio"
    audio.mkdir()
    utterances = []
    for number, samples in enumerate([8000, 30000, 320, 16000, 12000, 16000, 640]):
        soundfile.write(audio / f"u{number}.flac", rng.uniform(-0.5, 0.5, samples), 16_000)
        utterances.append(Utterance(f"u{number}.flac", samples))
    write_manifest(tmp_path, "train", Manifest(audio, tuple(utterances)))
    (tmp_path / "am.pt").write_bytes(b"model")
    return EmitConfig(am=str(tmp_path / "am.pt"), data=str(tmp_path), out=str(tmp_path / "em"), max_seconds=2.0)


def test_occupied_output_is_refused(config: EmitConfig, model: FakeModel) -> None:
    emit(config)
    with pytest.raises(XlplError, match="already holds results"):
        emit(config)
    emit(config, force=True)


def test_audio_of_another_length_is_refused(config: EmitConfig, model: FakeModel) -> None:
    soundfile.write(Path(config.data) / "audio/u4.flac", np.zeros(11999), 16_000)
    with pytest.raises(XlplError, match=r"u4\.flac: 11999 samples\n.*12000"):
        emit(config)
    assert not (Path(config.out) / "index.json").exists()


def test_unfinished_and_damaged_folders_are_refused(config: EmitConfig, model: FakeModel) -> None:
    out = Path(config.out)
    with pytest.raises(XlplError, match="a folder of emissions"):
        Emissions(out)
    stored = emit(config)
    (out / "emissions-00000.npy").write_bytes((out / "emissions-00000.npy").read_bytes()[:200])
    with pytest.raises(XlplError, match="damaged"):
        Emissions(out)[stored.ids[0]]
    (out / "index.json").write_text('{"units": []}')
    with pytest.raises(XlplError, match="not an index"):
        Emissions(out)
    (out / "index.json").unlink()
    with pytest.raises(XlplError, match="finished"):
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


@pytest.mark.parametrize("shard_frames", [1, 30, 10_000])
def test_every_utterance_keeps_its_own_log_probs(
    config: EmitConfig, model: FakeModel, monkeypatch: pytest.MonkeyPatch, shard_frames: int
) -> None:
    monkeypatch.setattr(module, "_SHARD_FRAMES", shard_frames)
    stored = emit(config)
    manifest = read_manifest(config.data, "train")
    found = {emission.utterance.id: emission.log_probs for emission in stored.stream(manifest)}
    assert list(found) == manifest.ids
    for utterance in manifest.utterances:
        waveform, _ = soundfile.read(manifest.root / utterance.path, dtype="float32")
        np.testing.assert_array_equal(found[utterance.id], FakeModel.of(waveform))
    assert found["u2"].shape == (0, len(UNITS))
    assert stored.units == UNITS
    assert json.loads((Path(config.out) / "index.json").read_text())["am"] == config.am


def test_batches_hold_like_lengths_and_no_more_than_the_limit() -> None:
    rng = np.random.default_rng(0)
    utterances = [Utterance(f"u{i}.flac", int(samples)) for i, samples in enumerate(rng.integers(1000, 90_000, 200))]
    batches = list(length_batches(utterances, 20.0))
    assert sorted(u.id for batch in batches for u in batch) == sorted(u.id for u in utterances)
    lengths = [u.num_samples for batch in batches for u in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert all(batch[0].num_samples * len(batch) <= 20 * 16_000 for batch in batches)
    assert len(batches) < 40
    [alone] = length_batches([Utterance("long.flac", 16_000 * 60)], 20.0)
    assert len(alone) == 1
