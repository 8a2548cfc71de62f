"""Models in one safetensors file: the same function as their checkpoints, and nothing that runs or leads elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.checkpoint import checkpoint_units, checkpoint_updates, read_checkpoint
from xlpl_plugin.models.plain_model import PlainModel, describe_model, write_plain_model
from xlpl_plugin.models.safetensors_file import read_tensors, read_texts, write_tensors

SYMBOLS = ("|", "a", "b", "c")
WAVEFORM = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
Change = Callable[[dict[str, Any]], None]


def describe(am: Path) -> PlainModel:
    state = read_checkpoint(am)
    return describe_model(state, checkpoint_units(am, state), checkpoint_updates(state), am)


def plain(am: Path, *, half: bool = False) -> Path:
    file = am.with_suffix(".safetensors")
    write_plain_model(file, describe(am), read_checkpoint(am)["model"], half=half, origin=am)
    return file


@pytest.fixture(params=["xlpl_transformer_ctc", "wav2vec_ctc"])
def am(
    request: pytest.FixtureRequest, tmp_path: Path, save: Callable[..., Path], save_wav2vec: Callable[..., Path]
) -> Path:
    if request.param == "wav2vec_ctc":
        return save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", SYMBOLS)
    return save(tmp_path / "am.pt", SYMBOLS, conv_kernel=3)


@pytest.fixture
def wav2vec(tmp_path: Path, save_wav2vec: Callable[..., Path]) -> Path:
    return plain(save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", SYMBOLS))


def test_it_is_the_same_function(am: Path) -> None:
    ours, theirs = load_acoustic_model(plain(am), "cpu"), load_acoustic_model(am, "cpu")
    assert ours.units == theirs.units
    [found], [expected] = ours.emit([WAVEFORM]), theirs.emit([WAVEFORM])
    assert len(expected) > 10
    assert found.tobytes() == expected.tobytes()


def test_waveforms_are_normalised_where_they_were(tmp_path: Path, save: Callable[..., Path]) -> None:
    am = save(tmp_path / "am.pt", SYMBOLS)
    state = torch.load(am)
    state["cfg"]["task"]["normalize"] = True
    torch.save(state, am)
    [found], [expected] = (load_acoustic_model(file, "cpu").emit([WAVEFORM]) for file in (plain(am), am))
    assert found.tobytes() == expected.tobytes()
    assert describe(am).normalize


def test_half_precision_is_half_the_size_and_computes_in_full(am: Path) -> None:
    full, half = read_tensors(plain(am)), read_tensors(plain(am, half=True))
    assert {value.dtype for value in half.values()} == {torch.float16}
    assert all(half[name].equal(value.half()) for name, value in full.items())
    [found], [expected] = (load_acoustic_model(file, "cpu").emit([WAVEFORM]) for file in (plain(am, half=True), am))
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.05


def test_no_place_is_written_down(am: Path) -> None:
    text = str(read_texts(plain(am)))
    assert "/nowhere" not in text
    assert "pretrained" not in text


def test_views_of_one_weight_are_written_each(tmp_path: Path, save: Callable[..., Path]) -> None:
    am = save(tmp_path / "am.pt", SYMBOLS)
    whole = torch.arange(12.0).reshape(3, 4)
    write_plain_model(tmp_path / "x.safetensors", describe(am), {"a": whole, "b": whole.T}, half=False, origin=am)
    found = read_tensors(tmp_path / "x.safetensors")
    assert found["a"].equal(whole)
    assert found["b"].equal(whole.T)


@pytest.mark.parametrize(("value", "half"), [(float("nan"), False), (float("inf"), False), (1e6, True)])
def test_weights_that_are_no_numbers(tmp_path: Path, save: Callable[..., Path], value: float, half: bool) -> None:
    am = save(tmp_path / "am.pt", SYMBOLS)
    file, weights = tmp_path / "x.safetensors", {"fine": torch.ones(2), "broken": torch.tensor([1.0, value])}
    with pytest.raises(XlplError, match=r"am\.pt: 1 of its 2 weights are not finite.*broken"):
        write_plain_model(file, describe(am), weights, half=half, origin=am)
    assert not file.exists()


@pytest.mark.parametrize(
    ("path", "name", "told"),
    [
        (("w2v_args", "model"), "data2vec_audio", "wav2vec_ctc over 'data2vec_audio'"),
        ((), "hubert_ctc", "'hubert_ctc'"),
    ],
)
def test_only_known_architectures_are_written(
    tmp_path: Path, save_wav2vec: Callable[..., Path], path: tuple[str, ...], name: str, told: str
) -> None:
    am = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", SYMBOLS)
    state = torch.load(am)
    section = state["cfg"]["model"]
    for part in path:
        section = section[part]
    section["_name"] = name
    torch.save(state, am)
    with pytest.raises(XlplError, match=f"its model is {told}"):
        describe(am)


def tamper(file: Path, change: Change) -> Path:
    """Write what a stranger might have written by hand."""
    texts = read_texts(file)
    content = json.loads(texts["xlpl_model"])
    change(content)
    write_tensors(file, read_tensors(file), {**texts, "xlpl_model": json.dumps(content)})
    return file


def option(section: str, name: str, value: Any) -> Change:
    return lambda content: content[section].update({name: value})


RUNS = "__import__('os').mkdir('MADE')"
HOSTILE: dict[str, tuple[Change, str]] = {
    "code": (option("encoder", "conv_feature_layers", f"{RUNS} or [(8, 10, 5)]"), "cannot read conv"),
    "a place of weights": (option("options", "w2v_path", "evil.pt"), "has the option w2v_path='evil.pt'"),
    "an encoder of its own": (option("options", "w2v_args", {"model": {"_name": "wav2vec2"}}), "the option w2v_args"),
    "an unknown option": (option("encoder", "user_dir", "evil"), "has the option user_dir"),
    "a reference": (option("options", "blank_mode", "${oc.env:HOME}"), "has the option blank_mode"),
    "a reference in a list": (option("encoder", "latent_temp", ["${oc.env:HOME}"]), "has the option latent_temp"),
    "an object": (option("options", "mask_prob", {"_target_": "os.system"}), "has the option mask_prob"),
    "another name": (option("options", "_name", "hubert_ctc"), "has the option _name"),
    "another model": (lambda content: content.update(architecture="transformer_lm"), "its model is 'transformer_lm'"),
    "no encoder": (lambda content: content.update(encoder={}), "its model is 'wav2vec_ctc'"),
    "another type": (option("encoder", "encoder_layers", "many"), "cannot build its model"),
    "too many units": (lambda content: content["units"].append("z"), "cannot build its model"),
    "units that are none": (lambda content: content.update(units=3), "not the description of a model"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_description_cannot_do_more_than_describe(
    name: str, wav2vec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, told = HOSTILE[name]
    with pytest.raises(XlplError, match=told):
        load_acoustic_model(tamper(wav2vec, change), "cpu")
    assert not (tmp_path / "MADE").exists()


def test_files_that_are_no_such_model(wav2vec: Path, tmp_path: Path) -> None:
    weights = read_tensors(wav2vec)
    for texts, told in (({}, "does not describe its model"), ({"xlpl_model": "[" * 5000}, "no JSON")):
        write_tensors(tmp_path / "other.safetensors", weights, texts)
        with pytest.raises(XlplError, match=told):
            read_checkpoint(tmp_path / "other.safetensors")
    write_tensors(wav2vec, dict(list(weights.items())[1:]), read_texts(wav2vec))
    with pytest.raises(XlplError, match="cannot build its model"):
        load_acoustic_model(wav2vec, "cpu")
    wav2vec.write_bytes(wav2vec.read_bytes()[:3000])
    with pytest.raises(XlplError, match=r"am\.safetensors: cannot be read(.|\n)*copy or download the file again"):
        read_checkpoint(wav2vec)
    with pytest.raises(XlplError, match="no such file"):
        read_checkpoint(tmp_path / "gone.safetensors")


def test_a_pickle_by_that_name_is_not_opened(tmp_path: Path, save: Callable[..., Path]) -> None:
    shutil.copy(save(tmp_path / "am.pt", SYMBOLS), tmp_path / "am.safetensors")
    with pytest.raises(XlplError, match=r"am\.safetensors: cannot be read"):
        read_checkpoint(tmp_path / "am.safetensors")


def test_descriptions_are_plain(am: Path) -> None:
    described = describe(am)
    assert json.loads(json.dumps(asdict(described)))["units"][4:] == list(SYMBOLS)
