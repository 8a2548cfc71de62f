"""Log-probs from a running model: batches, windows, memory that does not suffice, and work done ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from xlpl_plugin.data.manifest import Manifest
from xlpl_plugin.data.utterances import Utterance
from xlpl_plugin.emissions import forward
from xlpl_plugin.emissions.forward import ModelEmissions
from xlpl_plugin.emissions.source import Emission, Window
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import AcousticModel
from xlpl_plugin.models.transformer_ctc import TransformerCtc, TransformerCtcConfig

UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "a", "b")
SECOND = 16_000


class Model:
    """A small real model that notes its batches; a batch of more than ``memory`` samples, padded, does not fit."""

    def __init__(self, memory: float = float("inf")) -> None:
        torch.manual_seed(0)
        config = TransformerCtcConfig(dim=16, layers=1, heads=2, ffn_dim=16, num_mels=16)
        self._model = AcousticModel(TransformerCtc(config, len(UNITS)), UNITS, normalize=False)
        self.units, self.memory = UNITS, memory
        self.batches: list[list[int]] = []

    def emit(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
        if max(map(len, waveforms)) * len(waveforms) > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7.00 GiB")
        self.batches.append([len(waveform) for waveform in waveforms])
        return self._model.emit(waveforms)


MakeSource = Callable[..., ModelEmissions]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSource:
    (tmp_path / "am.pt").write_bytes(b"weights")

    def make(model: Model, **options: float) -> ModelEmissions:
        monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", lambda path, **_: model)
        return ModelEmissions(tmp_path / "am.pt", **options)  # type: ignore[arg-type]

    return make


def record(folder: Path, lengths: Sequence[int]) -> Manifest:
    """Noise, with a pause of 0.3 s in each whole second; utterance ``i`` is a piece of generator ``i``."""
    utterances = []
    for number, samples in enumerate(lengths):
        waveform = np.random.default_rng(number).uniform(-0.5, 0.5, samples)
        for second in range(0, samples, SECOND):
            waveform[second : second + 4800] *= 0.001
        soundfile.write(folder / f"u{number}.flac", waveform, SECOND)
        utterances.append(Utterance(f"u{number}.flac", samples))
    return Manifest(folder, tuple(utterances))


def by_id(emissions: Sequence[Emission]) -> dict[str, Emission]:
    return {emission.utterance.id: emission for emission in emissions}


LENGTHS = [8000, 30000, 320, 16000, 12000, 16000, 640, 25000, 9000, 4000]


def test_batches_hold_like_lengths_and_no_more_than_the_limit(tmp_path: Path, source: MakeSource) -> None:
    model = Model()
    manifest = record(tmp_path, LENGTHS)
    emissions = list(source(model, max_seconds=2.5).stream(manifest))
    assert [e.utterance.num_samples for e in emissions] == sorted(LENGTHS, reverse=True)
    assert [length for batch in model.batches for length in batch] == sorted(LENGTHS, reverse=True)
    assert all(len(batch) == 1 or batch[0] * len(batch) <= 2.5 * SECOND for batch in model.batches)
    assert len(model.batches) == 5
    for emission in emissions:
        own, _ = soundfile.read(tmp_path / emission.utterance.path, dtype="float32")
        np.testing.assert_allclose(emission.log_probs, model.emit([own])[0], atol=1e-5)
        assert emission.windows == (Window(len(emission.log_probs), 0.0, len(own) / SECOND),)
        assert not emission.error
    assert by_id(emissions)["u2"].log_probs.shape == (0, len(UNITS))


def test_batches_do_not_depend_on_other_shards(tmp_path: Path, source: MakeSource) -> None:
    manifest = record(tmp_path, LENGTHS)
    shards = [manifest.utterances[:3], manifest.utterances[3:7], manifest.utterances[7:]]
    alone: list[list[int]] = []
    for shard in shards:
        list(source(model := Model()).stream(Manifest(tmp_path, shard)))
        alone += model.batches
    emissions = list(source(model := Model()).stream_shards(tmp_path, shards))
    assert model.batches == alone
    assert {e.utterance.id for e in emissions[:3]} == {"u0", "u1", "u2"}


@pytest.mark.parametrize("memory", [40_000, 30_000, 26_000])
def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, source: MakeSource, memory: int) -> None:
    manifest = record(tmp_path, LENGTHS)
    expected = by_id(list(source(Model(), max_seconds=10).stream(manifest)))
    model = Model(memory)
    found = by_id(list(source(model, max_seconds=10).stream(manifest)))
    assert set(found) == set(expected)
    for name, emission in found.items():
        if emission.utterance.num_samples > memory:
            assert emission.error == "1.9 s of audio do not fit in the device's memory"
            assert (emission.log_probs.shape, emission.windows) == ((0, len(UNITS)), ())
        else:
            np.testing.assert_allclose(emission.log_probs, expected[name].log_probs, atol=1e-5)
            assert emission.windows == expected[name].windows
    assert all(batch[0] * len(batch) <= memory for batch in model.batches)


class Failing(Model):
    """The GPU fails at the third batch, as torch says it."""

    error: Exception = RuntimeError()

    def emit(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
        if len(self.batches) == 2:
            with failing(self._model, self.error):
                return self._model.emit(waveforms)
        return super().emit(waveforms)


@contextmanager
def failing(model: AcousticModel, error: Exception) -> Iterator[None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.model, "forward", fail)
        yield


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might"),
        RuntimeError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    ],
    ids=lambda error: str(error)[:20],
)
def test_a_gpu_that_fails_in_the_middle_says_what_to_do(tmp_path: Path, source: MakeSource, error: Exception) -> None:
    model = Failing()
    model.error = error
    stream = source(model, max_seconds=1).stream(record(tmp_path, [SECOND] * 6))
    with pytest.raises(XlplError, match=r"the GPU failed: (.|\n)*the same command again(.|\n)*device=cpu") as told:
        list(stream)
    assert str(error).splitlines()[0] in told.value.problem
    assert told.value.__cause__ is error


def test_another_error_of_the_model_is_not_taken_for_one_of_the_gpu(tmp_path: Path, source: MakeSource) -> None:
    model = Failing()
    model.error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        list(source(model, max_seconds=1).stream(record(tmp_path, [SECOND] * 6)))


def test_a_smaller_batch_is_kept_to(tmp_path: Path, source: MakeSource) -> None:
    tries = 0

    class Counted(Model):
        def emit(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
            nonlocal tries
            tries += 1
            return super().emit(waveforms)

    model = Counted(memory=2 * SECOND)
    list(source(model, max_seconds=8).stream(record(tmp_path, [SECOND] * 24)))
    assert [len(batch) for batch in model.batches] == [2] * 12
    assert tries == len(model.batches) + 3  # 8, 4 and 4 did not fit


def test_a_long_recording_is_cut_in_its_silence(tmp_path: Path, source: MakeSource) -> None:
    parts = [np.random.default_rng(n).uniform(-0.5, 0.5, n * SECOND) for n in (4, 3)]
    pause = np.zeros(SECOND // 5)
    cut = 4 * SECOND + len(pause) // 2
    long = np.concatenate([parts[0], pause, parts[1]])
    waveforms = {"long": long, "first": long[:cut], "second": long[cut:]}
    for name, waveform in waveforms.items():
        soundfile.write(tmp_path / f"{name}.flac", waveform, SECOND)
    utterances = tuple(Utterance(f"{name}.flac", len(waveform)) for name, waveform in waveforms.items())
    found = by_id(list(source(Model(), window_seconds=5.0).stream(Manifest(tmp_path, utterances))))
    first, second = found["first"].log_probs, found["second"].log_probs
    np.testing.assert_allclose(found["long"].log_probs, np.concatenate([first, second]), atol=1e-5)
    assert found["long"].windows == (Window(len(first), 0.0, 4.1), Window(len(second), 4.1, 3.1))


def test_windows_of_long_recordings_share_batches(tmp_path: Path, source: MakeSource) -> None:
    model = Model()
    manifest = record(tmp_path, [20 * SECOND, 18 * SECOND, SECOND])
    emissions = list(source(model, window_seconds=4.0, max_seconds=16.0).stream(manifest))
    assert [e.utterance.id for e in emissions] == ["u0", "u1", "u2"]
    assert max(length for batch in model.batches for length in batch) <= 4 * SECOND
    assert all(max(batch) * len(batch) <= 16 * SECOND for batch in model.batches)
    assert len(model.batches) <= 5
    for emission in emissions[:2]:
        waveform, _ = soundfile.read(tmp_path / emission.utterance.path, dtype="float32")
        starts = [round(window.start * SECOND) for window in emission.windows]
        pieces = np.split(waveform, starts[1:])
        alone = np.concatenate([model.emit([piece])[0] for piece in pieces])
        np.testing.assert_allclose(emission.log_probs, alone, atol=1e-5)
        assert [window.seconds for window in emission.windows] == [len(piece) / SECOND for piece in pieces]


@pytest.mark.parametrize("seconds", [0.5, -1.0, float("nan")])
def test_windows_too_short_for_speech_are_refused(source: MakeSource, seconds: float) -> None:
    with pytest.raises(XlplError, match="window_seconds"):
        source(Model(), window_seconds=seconds)


def test_an_error_of_the_model_reaches_the_caller(tmp_path: Path, source: MakeSource) -> None:
    class Broken(Model):
        def emit(self, waveforms: Sequence[np.ndarray]) -> list[np.ndarray]:
            if len(self.batches) == 2:
                raise RuntimeError("device-side assert")
            return super().emit(waveforms)

    threads = threading.active_count()
    found: list[Emission] = []
    with pytest.raises(RuntimeError, match="assert"):
        found.extend(source(Broken(), max_seconds=1).stream(record(tmp_path, LENGTHS)))
    assert [emission.utterance.id for emission in found] == ["u1", "u7"]
    assert threading.active_count() == threads


def test_unreadable_recordings_are_told_and_a_lost_folder_ends_all(tmp_path: Path, source: MakeSource) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    manifest = record(folder, LENGTHS)
    (folder / "u1.flac").unlink()
    soundfile.write(folder / "u4.flac", np.zeros(11999), SECOND)
    (folder / "u5.flac").write_bytes((folder / "u5.flac").read_bytes()[:5000])
    found = by_id(list(source(Model()).stream(manifest)))
    assert set(found) == set(manifest.ids)
    assert found["u1"].error == "unreadable: no such file or folder"
    assert found["u4"].error == "unreadable: 11999 samples, but 12000 in the manifest"
    assert found["u5"].error.startswith("unreadable: ")
    assert [name for name, emission in found.items() if emission.error] == ["u1", "u5", "u4"]
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(XlplError, match="no such file"):
        list(source(Model()).stream(manifest))


def test_a_slow_reader_holds_the_work_up(tmp_path: Path, source: MakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    real = forward.read_audio

    def counting(path: Path) -> np.ndarray:
        nonlocal read
        read += 1
        return real(path)

    monkeypatch.setattr(forward, "read_audio", counting)
    manifest = record(tmp_path, [SECOND] * 120)
    threads = threading.active_count()
    stream = source(Model(), max_seconds=2.0).stream(manifest)
    for done, _ in enumerate(stream, start=1):
        time.sleep(0.01)
        # three batches of two, one that is being put together, and recordings for two batches more
        assert read <= done + 6 + 2 + 5
        if done == 40:
            break
    assert read > 40
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == threads
    assert read < 60
