"""The cheap dropout: it drops the share that it says, keeps the mean, and rests in evaluation."""

from __future__ import annotations

import pytest
import torch

from xlpl_plugin.models.dropout import Dropout


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
