"""Names and shapes of a wav2vec 2.0's weights: fairseq's, and those of transformers' ``Wav2Vec2ForCTC``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xlpl_plugin.models.huggingface.architecture import EncoderShape

# before the encoder's names, in a fine-tuned model
OUR_PREFIX, THEIR_PREFIX = "w2v_encoder.w2v_model.", "wav2vec2."
OUR_OUTPUT, THEIR_OUTPUT = "w2v_encoder.proj.", "lm_head."
# the same in both
ADAPTER = "adapter_layer"
MASK = "masked_spec_embed"
PROJECTION = "feature_projection.projection"
# transformers before 4.35, and files that torch's former weight norm wrote
FORMER_NAMES = {
    "encoder.pos_conv_embed.conv.weight_g": "encoder.pos_conv_embed.conv.parametrizations.weight.original0",
    "encoder.pos_conv_embed.conv.weight_v": "encoder.pos_conv_embed.conv.parametrizations.weight.original1",
}
# of pre-training alone; no fine-tuning reads them
PRETRAINING_HEADS = ("quantizer.", "project_q.", "project_hid.")


class Weight(NamedTuple):
    """A weight of the encoder by fairseq's name and transformers', neither with its prefix."""

    ours: str
    theirs: str
    # of transformers
    shape: tuple[int, ...]
    # fairseq holds all adapters of a layer in one weight
    stacked: bool = False

    @property
    def our_shape(self) -> tuple[int, ...]:
        return (1, *self.shape) if self.stacked else self.shape


def encoder_weights(shape: EncoderShape) -> Iterator[Weight]:
    """Yield all weights of an encoder."""
    hidden = shape.options["encoder_embed_dim"]
    yield Weight("mask_emb", MASK, (hidden,))
    yield from _extractor(shape)
    yield from _affine("layer_norm", "feature_projection.layer_norm", shape.features)
    if shape.projected:
        yield from _affine("post_extract_proj", PROJECTION, hidden, shape.features)
    yield from _positions(shape)
    yield from _affine("encoder.layer_norm", "encoder.layer_norm", hidden)
    for number in range(shape.options["encoder_layers"]):
        yield from _layer(f"encoder.layers.{number}", hidden, shape.options["encoder_ffn_embed_dim"])
        if shape.adapter is not None:
            yield from _adapter(f"encoder.layers.{number}.{ADAPTER}", hidden, shape.adapter)


def _affine(ours: str, theirs: str, *shape: int, bias: bool = True) -> Iterator[Weight]:
    yield Weight(f"{ours}.weight", f"{theirs}.weight", shape)
    if bias:
        yield Weight(f"{ours}.bias", f"{theirs}.bias", shape[:1])


def _extractor(shape: EncoderShape) -> Iterator[Weight]:
    """A layer norm after each convolution, or a group norm after the first."""
    channels, layer_norm = 1, shape.options["extractor_mode"] == "layer_norm"
    for number, (size, kernel, _) in enumerate(shape.convolutions):
        layer = f"feature_extractor.conv_layers.{number}"
        yield from _affine(f"{layer}.0", f"{layer}.conv", size, channels, kernel, bias=shape.options["conv_bias"])
        if layer_norm or number == 0:
            yield from _affine(f"{layer}.2.1" if layer_norm else f"{layer}.2", f"{layer}.layer_norm", size)
        channels = size


def _positions(shape: EncoderShape) -> Iterator[Weight]:
    """The convolution that stands for positions, its weight as a norm and a direction."""
    ours, theirs = "encoder.pos_conv.0", "encoder.pos_conv_embed.conv"
    hidden, kernel = shape.options["encoder_embed_dim"], shape.options["conv_pos"]
    direction = (hidden, hidden // shape.options["conv_pos_groups"], kernel)
    yield Weight(f"{ours}.weight_g", f"{theirs}.parametrizations.weight.original0", (1, 1, kernel))
    yield Weight(f"{ours}.weight_v", f"{theirs}.parametrizations.weight.original1", direction)
    yield Weight(f"{ours}.bias", f"{theirs}.bias", (hidden,))


def _layer(layer: str, hidden: int, inner: int) -> Iterator[Weight]:
    for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
        yield from _affine(f"{layer}.self_attn.{projection}", f"{layer}.attention.{projection}", hidden, hidden)
    yield from _affine(f"{layer}.self_attn_layer_norm", f"{layer}.layer_norm", hidden)
    yield from _affine(f"{layer}.fc1", f"{layer}.feed_forward.intermediate_dense", inner, hidden)
    yield from _affine(f"{layer}.fc2", f"{layer}.feed_forward.output_dense", hidden, inner)
    yield from _affine(f"{layer}.final_layer_norm", f"{layer}.final_layer_norm", hidden)


def _adapter(layer: str, hidden: int, inner: int) -> Iterator[Weight]:
    for ours, theirs, shape in (("W_a", "linear_1", (inner, hidden)), ("W_b", "linear_2", (hidden, inner))):
        yield Weight(f"{layer}.{ours}", f"{layer}.{theirs}.weight", shape, stacked=True)
        yield Weight(f"{layer}.{ours.replace('W', 'b')}", f"{layer}.{theirs}.bias", shape[:1], stacked=True)
    for ours, theirs in (("ln_W", "weight"), ("ln_b", "bias")):
        yield Weight(f"{layer}.{ours}", f"{layer}.norm.{theirs}", (hidden,), stacked=True)
