"""Loading acoustic models: nothing hostile runs, nothing depends on the batch or on files that are gone."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairseq import checkpoint_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from xlpl_plugin.decoding.greedy import GreedyDecoder
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import AcousticModel, load_acoustic_model, resolve_device
from xlpl_plugin.models.checkpoint import read_checkpoint

Save = Callable[..., Path]
SYMBOLS = ("|", "a", "b", "c")
WAVES = [np.random.default_rng(n).standard_normal(n).astype(np.float32) / 10 for n in (16_000, 9_000, 4_321)]


class Hostile:
    """Unpickling this creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("where", ["cfg", "task_state", "model", "extra_state"])
def test_hostile_pickle_is_refused_and_never_runs(tmp_path: Path, save: Save, where: str) -> None:
    victim = tmp_path / "executed"
    checkpoint = save(tmp_path / "evil.pt", SYMBOLS, changes={where: {"x": Hostile(victim)}})
    with pytest.raises(XlplError, match=r"evil\.pt: refused to load: .*mkdir"):
        load_acoustic_model(checkpoint)
    with pytest.raises(Exception, match="mkdir"):
        checkpoint_utils.load_checkpoint_to_cpu(str(checkpoint))
    assert not victim.exists()


@pytest.mark.parametrize(("gpus", "device"), [(0, "cpu"), (1, "cuda")])
def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, gpus: int, device: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert resolve_device("auto") == device
    assert resolve_device("cpu") == "cpu"
    with pytest.raises(XlplError, match=f"cuda:{gpus}.*torch sees {gpus} GPUs"):
        resolve_device(f"cuda:{gpus}")
    with pytest.raises(XlplError, match="expected: auto, cpu, cuda"):
        resolve_device("gpu")


def test_the_device_is_said_once_a_model(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level(logging.INFO):
        model = load_acoustic_model(save(tmp_path / "am.pt", SYMBOLS))
    assert model.device.type == "cpu"
    assert caplog.text.count("am.pt: acoustic model on cpu") == 1


def test_truncated_checkpoint_is_named(tmp_path: Path, save: Save) -> None:
    checkpoint = save(tmp_path / "am.pt", SYMBOLS)
    checkpoint.write_bytes(checkpoint.read_bytes()[:3000])
    with pytest.raises(XlplError, match=r"am\.pt: cannot be read"):
        load_acoustic_model(checkpoint)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x80\x02N."], ids=["empty", "text", "a pickled None"])
def test_file_that_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "am.pt").write_bytes(content)
    with pytest.raises(XlplError, match=r"am\.pt: "):
        read_checkpoint(tmp_path / "am.pt")


def test_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match="no such file"):
        load_acoustic_model(tmp_path / "none.pt")


def test_checkpoint_without_units(tmp_path: Path, save: Save) -> None:
    with pytest.raises(XlplError, match="which units"):
        load_acoustic_model(save(tmp_path / "am.pt", SYMBOLS, changes={"task_state": {}}))


def test_checkpoint_of_an_unknown_model(tmp_path: Path, save: Save) -> None:
    changes = {"cfg": {"model": {"_name": "no_such_model"}, "task": {"_name": "xlpl_asr", "data": "/nowhere"}}}
    with pytest.raises(XlplError, match="cannot build its model"):
        load_acoustic_model(save(tmp_path / "am.pt", SYMBOLS, changes=changes))


def test_weights_that_do_not_fit_the_configuration(tmp_path: Path, save: Save) -> None:
    changes = {"model": {"encoder.output.weight": torch.ones(1)}}
    with pytest.raises(XlplError, match="cannot build its model"):
        load_acoustic_model(save(tmp_path / "am.pt", SYMBOLS, changes=changes))


def test_a_gpu_without_room_for_the_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Linear(2, 2)
    monkeypatch.setattr(model, "to", lambda device: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(XlplError, match=r"does not fit in the memory of cpu(.|\n)*nvidia-smi"):
        AcousticModel(model, SYMBOLS, normalize=False)


@pytest.mark.parametrize("options", [{"positions": "cape", "conv_kernel": 5}, {"positions": "relative"}])
def test_bfloat16_gives_about_the_same_and_whole_log_probs(tmp_path: Path, save: Save, options: dict[str, Any]) -> None:
    file = save(tmp_path / "am.pt", SYMBOLS, **options)
    exact, coarse = (load_acoustic_model(file, "cpu", bf16=bf16).emit(WAVES) for bf16 in (False, True))
    for one, other in zip(exact, coarse, strict=True):
        assert (other.dtype, other.shape) == (np.float32, one.shape)
        assert 0 < np.abs(one - other).max() < 0.1
        np.testing.assert_allclose(np.exp(other).sum(axis=1), 1, atol=1e-5)


def test_emissions_are_log_probs_of_own_frames_whatever_the_batch(tmp_path: Path, save: Save) -> None:
    am = load_acoustic_model(save(tmp_path / "am.pt", SYMBOLS))
    assert am.units == ("<s>", "<pad>", "</s>", "<unk>", *SYMBOLS)
    together = am.emit(WAVES)
    for waveform, emission in zip(WAVES, together, strict=True):
        assert emission.dtype == np.float32
        np.testing.assert_allclose(np.exp(emission).sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(emission, am.emit([waveform])[0], atol=1e-5)
    assert [len(emission) for emission in together] == sorted((len(e) for e in together), reverse=True)


@pytest.fixture(
    scope="module",
    params=[
        {"positions": "cape"},
        {"positions": "relative", "conv_kernel": 5, "stride": 3},
        {"positions": "sinusoidal", "pre_norm": False, "layers": 2},
    ],
    ids=lambda options: options["positions"],
)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, save: Save) -> AcousticModel:
    return load_acoustic_model(save(tmp_path_factory.mktemp("am") / "am.pt", SYMBOLS, **request.param))


@settings(max_examples=25)
@given(lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=6), seed=st.integers(0, 9), data=st.data())
def test_neither_company_nor_padding_matters(
    small: AcousticModel, lengths: list[int], seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    waves = [rng.uniform(-0.5, 0.5, length).astype(np.float32) for length in lengths]
    order = data.draw(st.permutations(range(len(waves))))
    decoder = GreedyDecoder(small.units)
    for index, emission in zip(order, small.emit([waves[index] for index in order]), strict=True):
        [alone] = small.emit([waves[index]])
        [_, padded] = small.emit([rng.uniform(-1, 1, 25_000).astype(np.float32), waves[index]])
        for other in (alone, padded):
            np.testing.assert_allclose(other, emission, atol=1e-4, rtol=0)
            if len(emission):
                assert decoder.decode(other)[0].words == decoder.decode(emission)[0].words


def test_wav2vec_loads_without_its_pretrained_file_and_ignores_padding(
    tmp_path: Path, save_wav2vec: Callable[..., Path]
) -> None:
    am = load_acoustic_model(save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", SYMBOLS))
    assert am.units[4:] == SYMBOLS
    assert [len(emission) for emission in am.emit([WAVES[0], WAVES[0][:399], WAVES[0][:400]])] == [49, 0, 1]
    for waveform, emission in zip(WAVES, am.emit(WAVES), strict=True):
        np.testing.assert_allclose(emission, am.emit([waveform])[0], atol=1e-5)
