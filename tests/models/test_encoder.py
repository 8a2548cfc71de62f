"""The acoustic encoder: sizes, lengths, and that padding never changes an utterance's output."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from xlpl_plugin.audio.features import num_frames
from xlpl_plugin.models.encoder import AcousticEncoder, DepthwiseConvolution, EncoderConfig, _attend
from xlpl_plugin.models.transformer_ctc import TransformerCtc, TransformerCtcConfig

SIZES = Path(__file__).parents[2] / "config" / "model"
SMALL = {"dim": 32, "layers": 2, "heads": 2, "ffn_dim": 48}


def speech(samples: int, seed: int = 0) -> Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def encoder(**options: object) -> AcousticEncoder:
    torch.manual_seed(0)
    return AcousticEncoder(EncoderConfig(**{**SMALL, **options}), num_units=30).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("positions", ["sinusoidal", "cape", "relative"])
@pytest.mark.parametrize("conv_kernel", [0, 7])
def test_padding_never_changes_an_output(stride: int, positions: str, conv_kernel: int) -> None:
    model = encoder(stride=stride, positions=positions, conv_kernel=conv_kernel)
    waveforms = [speech(8000, 1), speech(13_337, 2), speech(400, 3)]
    batch = torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True, padding_value=7.0)
    with torch.no_grad():
        together, lengths = model(batch, torch.tensor([w.numel() for w in waveforms]))
        for row, waveform in enumerate(waveforms):
            alone, length = model(waveform.unsqueeze(0), torch.tensor([waveform.numel()]))
            assert lengths[row] == length[0] == alone.shape[1]
            torch.testing.assert_close(together[row, : lengths[row]], alone[0], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_gradients_are_finite_with_every_augmentation(pre_norm: bool) -> None:
    model = encoder(
        pre_norm=pre_norm,
        dropout=0.3,
        attention_dropout=0.1,
        layer_drop=0.5,
        vocal_tract_low=0.8,
        vocal_tract_high=1.2,
        stretch_low=0.8,
        stretch_high=1.2,
    ).train()
    # the second utterance is too short for a single frame
    logits, lengths = model(torch.stack([speech(16_000), speech(16_000)]), torch.tensor([16_000, 100]))
    assert lengths[1] == 0
    logits.square().mean().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_augmentation_changes_training_but_not_evaluation() -> None:
    model = encoder(dropout=0.0, freq_masks=0, time_masks=0, vocal_tract_low=0.8, vocal_tract_high=0.9)
    source, samples = speech(16_000).unsqueeze(0), torch.tensor([16_000])
    with torch.no_grad():
        assert torch.equal(model(source, samples)[0], model(source, samples)[0])
        model.train()
        assert not torch.allclose(model(source, samples)[0], model(source, samples)[0])


def test_one_output_frame_for_each_stride_of_ten_milliseconds() -> None:
    samples = torch.tensor([399, 400, 559, 560, 16_000])
    assert num_frames(samples).tolist() == [0, 1, 1, 2, 98]
    _, lengths = encoder(stride=3)(torch.zeros(5, 16_000), samples)
    assert lengths.tolist() == [0, 1, 1, 1, 33]


@pytest.mark.parametrize(
    "options", [{"positions": "rotary"}, {"stride": 5}, {"conv_kernel": 4}, {"dropout": 1.0}, {"vocal_tract_low": 1.2}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        encoder(**options)


def size(name: str) -> TransformerCtcConfig:
    values = yaml.safe_load((SIZES / f"{name}.yaml").read_text(encoding="utf-8"))
    base = yaml.safe_load((SIZES / "transformer_ctc.yaml").read_text(encoding="utf-8"))
    merged = {**base, **values}
    return TransformerCtcConfig(**{key: value for key, value in merged.items() if key not in ("_name", "defaults")})


def test_the_paper_size_has_the_paper_number_of_parameters() -> None:
    config = size("paper")
    assert (config.layers, config.dim, config.heads, config.ffn_dim, config.stride) == (36, 768, 4, 3072, 3)
    with torch.device("meta"):
        model = TransformerCtc(config, num_units=32)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert 253e6 < count < 259e6


@pytest.mark.parametrize("name", ["tiny", "small", "base", "paper"])
def test_every_size_can_be_built(name: str) -> None:
    with torch.device("meta"):
        TransformerCtc(size(name), num_units=32)


def test_log_probs_are_float32_in_half_precision() -> None:
    config = TransformerCtcConfig(**SMALL)
    model = TransformerCtc(config, num_units=30).to(torch.bfloat16).eval()
    with torch.no_grad():
        output = model(source=speech(16_000).unsqueeze(0).to(torch.bfloat16))
    log_probs = model.get_normalized_probs(output, log_probs=True)
    assert log_probs.dtype == torch.float32
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(log_probs.shape[:2]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("added", [True, False], ids=["bias", "mask"])
def test_attention_that_learns_in_half_precision_is_that_of_the_fused_kernel(added: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    exact = [torch.randn(3, 2, 20, 16, generator=generator).to(torch.bfloat16).float() for _ in range(4)]
    # the last utterance has no frame
    valid = torch.tensor([20, 11, 0])[:, None] > torch.arange(20)
    mask: Tensor = valid[:, None, None, :]
    if added:
        mask = torch.randn(3, 2, 20, 20, generator=generator).masked_fill(~mask, torch.finfo(torch.bfloat16).min)
    results = []
    for precision in (torch.float32, torch.bfloat16):
        inputs = [one.detach().to(precision).requires_grad_() for one in exact[:3]]
        attended = _attend(*inputs, mask.to(precision) if added else mask, 0.0)
        attended = attended.masked_fill(~valid.any(dim=1)[:, None, None, None], 0.0)
        attended.backward(exact[3].to(precision))
        assert attended.dtype == precision
        results.append([attended, *(one.grad for one in inputs)])
    for fused, products in zip(*results, strict=True):
        torch.testing.assert_close(products[:2].float(), fused[:2], atol=0.06, rtol=0.05)
        assert torch.isfinite(products).all()


def test_the_depthwise_convolution_is_that_of_torch() -> None:
    torch.manual_seed(0)
    layer = DepthwiseConvolution(8, 5)
    x = torch.randn(2, 11, 8)
    expected = layer.depthwise(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(layer._convolved(x), expected)
