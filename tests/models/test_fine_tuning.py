"""The encoder of a ``wav2vec_ctc`` whose training begins: from its own file, or as that of the model to start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig
from omegaconf import DictConfig, OmegaConf

from xlpl_plugin.data.units import write_units
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.checkpoint import read_checkpoint
from xlpl_plugin.tasks.asr import AsrConfig, AsrTask

UNITS = ("|", "a", "b")
# a student has other masks and other layer drop than its source AM
OURS = {"mask_prob": 0.3, "mask_channel_prob": 0.2, "layerdrop": 0.4, "activation_dropout": 0.6, "feature_grad_mult": 1}


@pytest.fixture
def am(tmp_path: Path, save_wav2vec: Callable[..., Path]) -> Path:
    """An acoustic model whose pre-trained file is gone."""
    write_units(tmp_path, UNITS)
    return save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", UNITS)


def options(**changes: Any) -> DictConfig:
    """Return the options of the model as hydra gives them to fairseq."""
    plain = {**asdict(Wav2Vec2CtcConfig()), "w2v_path": "", "data": "/nowhere", "ddp_backend": "legacy_ddp"}
    config = OmegaConf.create({**plain, "_name": "wav2vec_ctc", "normalize": False, **OURS, **changes})
    OmegaConf.set_struct(config, True)
    return config


def begin(folder: Path, config: DictConfig, init_from: Path | str = "") -> Any:
    """Build a model as a training does that begins."""
    places = {"data": str(folder), "init_from": str(init_from), "restore_file": "checkpoint_last.pt"}
    task = AsrTask(AsrConfig(**places, seed=1, train_subset="train", finetune_from_model=None))
    torch.manual_seed(7)
    return task.build_model(config)


def test_goes_on_from_an_acoustic_model_alone_with_options_of_its_own(tmp_path: Path, am: Path) -> None:
    config = options()
    weights = begin(tmp_path, config, am).state_dict()
    stored = read_checkpoint(am)["model"]
    assert weights.keys() == stored.keys()
    assert all(torch.equal(weights[name], value) for name, value in stored.items())
    # nothing of how it was done is left for the checkpoint to keep
    assert (config.w2v_path, config.no_pretrained_weights) == ("", False)


def test_the_students_options_are_those_that_train(tmp_path: Path, am: Path) -> None:
    encoder = begin(tmp_path, options(), am).w2v_encoder.w2v_model
    assert (encoder.mask_prob, encoder.mask_channel_prob, encoder.feature_grad_mult) == (0.3, 0.2, 1)
    assert encoder.encoder.layerdrop == 0.4
    assert encoder.encoder.layers[0].dropout2.p == 0.6


def test_an_encoder_of_its_own_needs_no_acoustic_model(
    tmp_path: Path, write_pretrained: Callable[[Path], None]
) -> None:
    write_units(tmp_path, UNITS)
    write_pretrained(tmp_path / "pretrained.pt")
    model = begin(tmp_path, options(w2v_path=str(tmp_path / "pretrained.pt")))
    name = "encoder.layers.0.fc1.weight"
    pretrained = read_checkpoint(tmp_path / "pretrained.pt")["model"][name]
    assert torch.equal(model.state_dict()[f"w2v_encoder.w2v_model.{name}"], pretrained)


def test_no_encoder_at_all(tmp_path: Path) -> None:
    with pytest.raises(XlplError, match=r"w2v_path is empty(.|\n)*model\.w2v_path=ENCODER"):
        begin(tmp_path, options())
    with pytest.raises(XlplError, match=r"gone\.pt: (.|\n)*model\.w2v_path"):
        begin(tmp_path, options(w2v_path=str(tmp_path / "gone.pt")))


def test_an_acoustic_model_of_another_kind(tmp_path: Path, save: Callable[..., Path]) -> None:
    checkpoint = save(tmp_path / "other.pt", UNITS)
    with pytest.raises(XlplError, match=r"other\.pt: does not say how its encoder is built"):
        begin(tmp_path, options(), checkpoint)


@pytest.mark.parametrize("named", [True, False])
def test_waveforms_must_be_as_the_encoder_knows_them(
    tmp_path: Path, am: Path, write_pretrained: Callable[[Path], None], named: bool
) -> None:
    write_pretrained(tmp_path / "pretrained.pt")
    path = str(tmp_path / "pretrained.pt") if named else ""
    origin = "pretrained" if named else "am"
    with pytest.raises(XlplError, match=rf"{origin}\.pt: (.|\n)*set task\.normalize=false"):
        begin(tmp_path, options(normalize=True, w2v_path=path), am)
