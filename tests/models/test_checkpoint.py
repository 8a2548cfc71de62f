"""Weights alone: what fairseq needs to load a model, the same bytes wherever and whenever it was trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairseq import checkpoint_utils

from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.checkpoint import average_checkpoints, checkpoint_updates, extract_model, read_checkpoint
from xlpl_plugin.models.initialize import initialize

Build = Callable[..., torch.nn.Module]
Save = Callable[..., Path]
SYMBOLS = ("|", "a", "b", "c")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WAVE = np.random.default_rng(1).standard_normal(9_000).astype(np.float32) / 10


def trained(save: Save, folder: Path, *, seed: int = 0, metrics: float = 0.0, ema: Any = None) -> Path:
    """A checkpoint as a training in ``folder`` leaves it, with all that differs from one machine to another."""
    folder.mkdir()
    places = {"data": f"{folder}/data", "init_from": f"{folder}/am.pt", "mix": [f"{folder}/en"], "mix_weights": [0.5]}
    path = save(folder / "checkpoint_last.pt", SYMBOLS, seed)
    state = read_checkpoint(path)
    state["cfg"]["task"].update(places)
    state["cfg"]["checkpoint"] = {"save_dir": str(folder)}
    state["extra_state"] |= {"previous_training_time": metrics, "metrics": {"train": [metrics]}}
    state["extra_state"] |= {} if ema is None else {"ema": ema}
    state["optimizer_history"][-1] |= {"lr_scheduler_state": {"best": metrics}, "num_updates": 40}
    state["last_optimizer_state"] = {"exp_avg": torch.full((20_000,), metrics)}
    # weights as views of one storage, names as strings of their own
    flat = torch.cat([value.flatten() for value in state["model"].values()])
    views = flat.split([value.numel() for value in state["model"].values()])
    pairs = zip(state["model"].items(), views, strict=True)
    state["model"] = {"".join(list(name)): view.view(value.shape) for (name, value), view in pairs}
    torch.save(state, path)
    return path


def test_reading_one_leaves_fairseq_able_to_resume(tmp_path: Path, save: Save) -> None:
    """A training reads its init_from first, and then, if it was interrupted, its own last checkpoint."""
    path = save(tmp_path / "am.pt", SYMBOLS)
    read_checkpoint(path)
    state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert state["task_state"]["target_dictionary"].symbols == [*SPECIAL, *SYMBOLS]


def test_a_checkpoint_without_a_moving_average_is_said_so(tmp_path: Path, save: Save) -> None:
    other = {"encoder.output.weight": torch.zeros(1)}
    for name, ema in (("none", None), ("other", other)):
        with pytest.raises(XlplError, match=r"no moving average.*\n.*store_ema=true"):
            extract_model(trained(save, tmp_path / name, ema=ema), tmp_path / "model.pt", ema=True)
    assert not (tmp_path / "model.pt").exists()


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, save: Save) -> None:
    path = save(tmp_path / "am.pt", SYMBOLS)
    state = read_checkpoint(path)
    state["model"]["encoder.output.bias"][2] = float("nan")
    torch.save(state, path)
    with pytest.raises(XlplError, match=r"am\.pt: 1 of its \d+ weights hold NaN, encoder\.output\.bias"):
        extract_model(path, tmp_path / "model.pt")
    with pytest.raises(XlplError, match="hold NaN"):
        average_checkpoints([path, save(tmp_path / "2.pt", SYMBOLS)], tmp_path / "model.pt")
    assert not (tmp_path / "model.pt").exists()


def test_existing_output_is_overwritten_only_by_force(tmp_path: Path, save: Save) -> None:
    one, two = save(tmp_path / "1.pt", SYMBOLS, 1), save(tmp_path / "2.pt", SYMBOLS, 2)
    before = two.read_bytes()
    with pytest.raises(XlplError, match="already holds results"):
        extract_model(one, two)
    assert two.read_bytes() == before
    extract_model(one, two, force=True)
    extract_model(one, tmp_path / "3.pt")
    assert two.read_bytes() == (tmp_path / "3.pt").read_bytes()


def test_same_weights_give_the_same_bytes(tmp_path: Path, save: Save) -> None:
    one = trained(save, tmp_path / "here", metrics=1.0)
    two = trained(save, tmp_path / "there on another machine", metrics=2.0)
    other = trained(save, tmp_path / "other", seed=3)
    assert one.read_bytes() != two.read_bytes()
    files = [tmp_path / f"{number}.pt" for number in range(5)]
    for source, out in zip((one, two, files[0], other), files[:4], strict=True):
        extract_model(source, out)
    average_checkpoints([one, two], files[4])
    contents = [file.read_bytes() for file in files]
    assert contents[0] == contents[1] == contents[2] == contents[4]
    assert contents[0] != contents[3]
    assert len(contents[0]) < 0.5 * one.stat().st_size
    assert str(tmp_path).encode() not in contents[0]


def test_the_model_is_the_checkpoints(tmp_path: Path, save: Save, build: Build) -> None:
    checkpoint, model = trained(save, tmp_path / "run", seed=4), tmp_path / "model.pt"
    extract_model(checkpoint, model)
    expected = load_acoustic_model(checkpoint)
    found = load_acoustic_model(model)
    assert found.units == expected.units == (*SPECIAL, *SYMBOLS)
    np.testing.assert_array_equal(found.emit([WAVE])[0], expected.emit([WAVE])[0])
    (loaded,), _, task = checkpoint_utils.load_model_ensemble_and_task([str(model)])
    assert tuple(task.target_dictionary.symbols) == found.units
    weights = build(SYMBOLS, 4).state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in loaded.state_dict().items())
    student = build(SYMBOLS, 5)
    initialize(student, model, found.units)
    assert all(torch.equal(value, weights[name]) for name, value in student.state_dict().items())
    assert checkpoint_updates(read_checkpoint(model)) == 40


def test_the_moving_average_takes_the_place_of_the_weights(tmp_path: Path, save: Save, build: Build) -> None:
    average = build(SYMBOLS, 9).state_dict()
    checkpoint = trained(save, tmp_path / "run", seed=1, ema=dict(average))
    extract_model(checkpoint, tmp_path / "ema.pt", ema=True)
    found = read_checkpoint(tmp_path / "ema.pt")["model"]
    assert found.keys() == average.keys()
    assert all(torch.equal(found[name], value) for name, value in average.items())


def test_wav2vec_needs_no_other_file(tmp_path: Path, save_wav2vec: Callable[..., Path]) -> None:
    checkpoint = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", SYMBOLS)
    extract_model(checkpoint, tmp_path / "model.pt")
    one, two = load_acoustic_model(checkpoint), load_acoustic_model(tmp_path / "model.pt")
    np.testing.assert_array_equal(one.emit([WAVE])[0], two.emit([WAVE])[0])
    # nor does it tell where that was
    assert str(tmp_path) not in str(read_checkpoint(tmp_path / "model.pt")["cfg"])


def test_average_is_the_mean_of_the_weights(tmp_path: Path, save: Save) -> None:
    paths = [save(tmp_path / f"{seed}.pt", SYMBOLS, seed) for seed in (1, 2, 3)]
    average_checkpoints(paths, tmp_path / "mean.pt")
    models = [read_checkpoint(path)["model"] for path in (*paths, tmp_path / "mean.pt")]
    for name, value in models[-1].items():
        torch.testing.assert_close(value, sum(model[name] for model in models[:3]) / 3)
    assert load_acoustic_model(tmp_path / "mean.pt").units[4:] == SYMBOLS


def test_average_refuses_other_units_and_existing_output(tmp_path: Path, save: Save) -> None:
    one, other = save(tmp_path / "1.pt", SYMBOLS), save(tmp_path / "2.pt", ("|", "x", "y", "z"))
    with pytest.raises(XlplError, match=r"1\.pt: another model or other units"):
        average_checkpoints([one, other], tmp_path / "mean.pt")
    assert not (tmp_path / "mean.pt").exists()
    with pytest.raises(XlplError, match="already holds results"):
        average_checkpoints([one], other)
    with pytest.raises(XlplError, match="no checkpoints"):
        average_checkpoints([], tmp_path / "mean.pt")


def test_a_configuration_with_code_is_refused(tmp_path: Path, save_wav2vec: Callable[..., Path]) -> None:
    """fairseq gives this option to eval when it builds the model."""
    file = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", "abc|")
    load_acoustic_model(file)
    state = torch.load(file, weights_only=True)
    layers = f"__import__('os').mkdir({str(tmp_path / 'made')!r}) or [(8, 10, 5)]"
    state["cfg"]["model"]["w2v_args"]["model"]["conv_feature_layers"] = layers
    torch.save(state, file)
    with pytest.raises(XlplError, match="cannot read conv_feature_layers"):
        load_acoustic_model(file)
    assert not (tmp_path / "made").exists()
