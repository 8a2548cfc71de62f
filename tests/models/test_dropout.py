"""The cheap dropout drops the share that it says, and rests in evaluation; that of any model can be made weaker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf
from torch import Tensor, nn

from xlpl_plugin.models.dropout import Dropout, scale_dropout
from xlpl_plugin.models.outputs import log_probs_and_frames
from xlpl_plugin.tasks.asr import AsrConfig, AsrTask


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_share_and_mean(probability: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(1000, 1001, requires_grad=True)
    y = Dropout(probability)(x)
    assert (y == 0).float().mean().item() == pytest.approx(probability, abs=0.005)
    assert y.mean().item() == pytest.approx(1.0, abs=0.02)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())


def test_rests_in_evaluation_and_at_zero() -> None:
    x = torch.randn(3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_every_byte_of_a_draw_is_uniform() -> None:
    torch.manual_seed(1)
    kept = torch.stack([Dropout(0.5)(torch.ones(8)) != 0 for _ in range(4000)]).float().mean(dim=0)
    assert kept.sub(0.5).abs().max() < 0.05


@pytest.mark.parametrize("probability", [-0.1, 1.0])
def test_impossible_probability(probability: float) -> None:
    with pytest.raises(ValueError, match="dropout"):
        Dropout(probability)


OURS = {"_name": "xlpl_transformer_ctc", "dim": 16, "layers": 6, "heads": 2, "ffn_dim": 16, "num_mels": 16}
THEIRS = {"_name": "wav2vec_ctc", "data": "/nowhere", "normalize": False, "ddp_backend": "no_c10d"}
# by model, the options that dropout and layer drop have; probabilities that halve to what the bytes of a draw can say
DROPOUTS = {
    "ours": ({"dropout": 0.5, "attention_dropout": 0.5}, {"layer_drop": 0.75}),
    "wav2vec_ctc": (
        dict.fromkeys(["dropout", "attention_dropout", "activation_dropout", "dropout_input", "final_dropout"], 0.5),
        {"layerdrop": 0.75},
    ),
}


@pytest.mark.parametrize("name", DROPOUTS)
def test_scaled_dropout_is_that_of_a_model_built_with_less(
    name: str, tmp_path: Path, write_pretrained: Callable[[Path], None]
) -> None:
    """All of it, and nothing else: the same random numbers give the same log-probs."""
    write_pretrained(tmp_path / "pretrained.pt")
    rest = OURS if name == "ours" else {**THEIRS, "w2v_path": str(tmp_path / "pretrained.pt")}
    dropouts, layer_drops = DROPOUTS[name]

    def model(factor: float) -> nn.Module:
        probabilities = {key: factor * value for key, value in (dropouts | layer_drops).items()}
        torch.manual_seed(0)
        return task.build_model(OmegaConf.create({**rest, **probabilities}))

    def outputs(of: nn.Module) -> list[Tensor]:
        found = []
        for seed in range(4):
            torch.manual_seed(seed)
            np.random.seed(seed)
            found.append(log_probs_and_frames(of.train(), batch)[0])
        return found

    task = AsrTask(
        AsrConfig(
            data="/nowhere", seed=1, train_subset="train", finetune_from_model=None, restore_file="checkpoint_last.pt"
        )
    )
    task.state.merge_state_dict({"target_dictionary": Dictionary()})
    batch = {"source": 0.1 * torch.randn(2, 16_000), "padding_mask": torch.zeros(2, 16_000, dtype=torch.bool)}
    scaled, less, full = model(1.0), model(0.5), model(1.0)
    scale_dropout(scaled, 0.5, 0.5)
    assert all(map(torch.equal, outputs(scaled), outputs(less)))
    assert not any(map(torch.equal, outputs(scaled), outputs(full)))
