"""The options of a wav2vec 2.0: those of transformers' config.json, and fairseq's names for them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from omegaconf import OmegaConf

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.json_record import JsonRecord
from xlpl_plugin.models.convolutions import read_convolutions

# fairseq's name -> transformers', of the encoder
_ENCODER = {
    "encoder_layers": "num_hidden_layers",
    "encoder_embed_dim": "hidden_size",
    "encoder_ffn_embed_dim": "intermediate_size",
    "encoder_attention_heads": "num_attention_heads",
    "activation_fn": "hidden_act",
    "layer_norm_first": "do_stable_layer_norm",
    "conv_bias": "conv_bias",
    "conv_pos": "num_conv_pos_embeddings",
    "conv_pos_groups": "num_conv_pos_embedding_groups",
}
# and of training, where both mean the same by the number
_TRAINING = {
    "apply_mask": "apply_spec_augment",
    "dropout": "hidden_dropout",
    "activation_dropout": "activation_dropout",
    "attention_dropout": "attention_dropout",
    "dropout_input": "feat_proj_dropout",
    "final_dropout": "final_dropout",
    "layerdrop": "layerdrop",
    "mask_prob": "mask_time_prob",
    "mask_length": "mask_time_length",
    "mask_channel_prob": "mask_feature_prob",
    "mask_channel_length": "mask_feature_length",
}
_EXTRACTORS = {"default": "group", "layer_norm": "layer"}
# what transformers' adapters are, by fairseq's options
_PLAIN_ADAPTER = {"adp_num": 1, "adp_act_fn": "relu", "adp_trf_idx": "all"}
_ACTIVATIONS = ("gelu", "relu")
_WITHOUT_ADAPTER, _WITH_ADAPTER = "transformer", "trf_adp"
# torch's, which fairseq leaves as it is
_EPSILON = 1e-5
# fairseq's options that transformers has no place for, with the value that is the same function there
_PLAIN_ENCODER = {
    **{"pos_conv_depth": 1, "conv_pos_batch_norm": False},
    **{"quantize_input": False, "crop_seq_to_multiple": 1},
}


@dataclass
class Wav2Vec2Settings(JsonRecord):
    """What transformers' config.json says of a wav2vec 2.0, with transformers' defaults."""

    holds: ClassVar[str] = "the configuration of a wav2vec 2.0"
    written_by: ClassVar[str] = "transformers"

    model_type: str = "wav2vec2"
    architectures: list[str] | None = None
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout: float = 0.1
    activation_dropout: float = 0.1
    attention_dropout: float = 0.1
    feat_proj_dropout: float = 0.0
    final_dropout: float = 0.1
    layerdrop: float = 0.1
    layer_norm_eps: float = _EPSILON
    feat_extract_norm: str = "group"
    feat_extract_activation: str = "gelu"
    conv_dim: list[int] = field(default_factory=lambda: [512] * 7)
    conv_stride: list[int] = field(default_factory=lambda: [5, 2, 2, 2, 2, 2, 2])
    conv_kernel: list[int] = field(default_factory=lambda: [10, 3, 3, 3, 3, 2, 2])
    conv_bias: bool = False
    num_conv_pos_embeddings: int = 128
    num_conv_pos_embedding_groups: int = 16
    do_stable_layer_norm: bool = False
    apply_spec_augment: bool = True
    mask_time_prob: float = 0.05
    mask_time_length: int = 10
    mask_feature_prob: float = 0.0
    mask_feature_length: int = 10
    vocab_size: int | None = 32
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2
    add_adapter: bool = False
    adapter_attn_dim: int | None = None


@dataclass(frozen=True)
class EncoderShape:
    """What the names and shapes of an encoder's weights follow from.

    Args:
        convolutions: (dimensions, kernel, stride) of each layer of the feature extractor.
        options: fairseq's options of the encoder.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    options: Mapping[str, Any]

    @property
    def features(self) -> int:
        """Dimensions that the feature extractor gives."""
        return self.convolutions[-1][0]

    @property
    def adapter(self) -> int | None:
        """Inner dimensions of the adapter in each layer; None where there is none."""
        return self.options["adp_dim"] if self.options["layer_type"] == _WITH_ADAPTER else None

    @property
    def projected(self) -> bool:
        """Whether fairseq has a projection of the features, which transformers always has."""
        return bool(self.features != self.options["encoder_embed_dim"])


def require_convertible(settings: Wav2Vec2Settings, file: Path) -> None:
    """Raise ``XlplError`` for a model that fairseq's wav2vec 2.0 cannot be."""
    problem = next(_differences(settings), None)
    if problem:
        raise XlplError(
            problem,
            file=file,
            expected="a wav2vec 2.0 for CTC, or its encoder (wav2vec 2.0, XLSR-53, XLS-R, MMS)",
            remedy="choose another model: docs/huggingface.md says which there are",
        )


def _differences(settings: Wav2Vec2Settings) -> Iterator[str]:
    if settings.model_type != "wav2vec2":
        yield f"another architecture, {settings.model_type!r}"
    if settings.adapter_attn_dim is not None and not settings.do_stable_layer_norm:
        yield "adapters (adapter_attn_dim) where do_stable_layer_norm is false, which transformers does not use"
    if settings.add_adapter:
        yield "a model with convolutions after its encoder (add_adapter)"
    if settings.feat_extract_norm not in _EXTRACTORS.values():
        yield f"feat_extract_norm={settings.feat_extract_norm!r}"
    if settings.feat_extract_activation != "gelu":
        yield f"feat_extract_activation={settings.feat_extract_activation!r}"
    if settings.hidden_act not in _ACTIVATIONS:
        yield f"hidden_act={settings.hidden_act!r}"
    if settings.layer_norm_eps != _EPSILON:
        yield f"layer_norm_eps={settings.layer_norm_eps}, where fairseq has {_EPSILON}"
    yield from _impossible_sizes(settings)


def _impossible_sizes(settings: Wav2Vec2Settings) -> Iterator[str]:
    layers = (settings.conv_dim, settings.conv_kernel, settings.conv_stride)
    if len({len(layer) for layer in layers}) > 1 or not settings.conv_dim:
        yield "conv_dim, conv_kernel and conv_stride are not of one length"
    divisors = ("num_attention_heads", "num_conv_pos_embedding_groups")
    sizes = [getattr(settings, name) for name in ("hidden_size", "num_hidden_layers", "intermediate_size", *divisors)]
    sizes += [settings.num_conv_pos_embeddings, 1 if settings.adapter_attn_dim is None else settings.adapter_attn_dim]
    if min(*sizes, *itertools.chain(*layers)) < 1:
        yield "a size below 1"
    for name in divisors:
        if settings.hidden_size % max(1, getattr(settings, name)):
            yield f"hidden_size={settings.hidden_size} is no multiple of {name}={getattr(settings, name)}"


def shape_of_settings(settings: Wav2Vec2Settings) -> EncoderShape:
    """Return the shape of an encoder of transformers."""
    options = {ours: getattr(settings, theirs) for ours, theirs in _ENCODER.items()}
    extractor = next(ours for ours, theirs in _EXTRACTORS.items() if theirs == settings.feat_extract_norm)
    convolutions = tuple(zip(settings.conv_dim, settings.conv_kernel, settings.conv_stride, strict=True))
    return EncoderShape(convolutions, {**options, "extractor_mode": extractor, **adapter_options(settings)})


def adapter_options(settings: Wav2Vec2Settings) -> dict[str, Any]:
    """Return fairseq's options of an encoder with one adapter in each layer, or with none.

    ``wav2vec_ctc`` has them as well, and its own take the place of the encoder's.
    """
    if settings.adapter_attn_dim is None:
        return {"layer_type": _WITHOUT_ADAPTER}
    return {"layer_type": _WITH_ADAPTER, "adp_dim": settings.adapter_attn_dim, **_PLAIN_ADAPTER}


def training_of_settings(settings: Wav2Vec2Settings) -> dict[str, Any]:
    """Return fairseq's options of fine-tuning that transformers has as well."""
    return {ours: getattr(settings, theirs) for ours, theirs in _TRAINING.items()}


def encoder_config(shape: EncoderShape, *, normalize: bool) -> dict[str, Any]:
    """Return the configuration that a pre-trained checkpoint of fairseq holds.

    Args:
        shape: of the encoder.
        normalize: whether the model takes waveforms of zero mean and unit variance.
    """
    model: Any = OmegaConf.to_container(OmegaConf.structured(Wav2Vec2Config), resolve=True, enum_to_str=True)
    layers = "[" + ", ".join(map(str, shape.convolutions)) + "]"
    task = {"_name": "audio_pretraining", "data": "", "normalize": normalize, "sample_rate": SAMPLE_RATE}
    return {
        "model": {**model, **shape.options, "_name": "wav2vec2", "conv_feature_layers": layers},
        "task": task,
        "criterion": None,
        "lr_scheduler": None,
    }


def settings_of_checkpoint(model: Mapping[str, Any], outputs: int, file: str | Path) -> Wav2Vec2Settings:
    """Return transformers' configuration of a ``wav2vec_ctc`` model.

    Args:
        model: its section of the checkpoint's configuration.
        outputs: number of its units.
        file: the checkpoint, for the error.

    Raises:
        XlplError: another model, or options that transformers has no place for.
    """
    encoder = (model.get("w2v_args") or {}).get("model") or {}
    _require_plain(model, encoder, file)
    dimensions, kernels, strides = zip(*read_convolutions(str(encoder["conv_feature_layers"]), file), strict=True)
    return Wav2Vec2Settings(
        architectures=["Wav2Vec2ForCTC"],
        feat_extract_norm=_EXTRACTORS[str(encoder["extractor_mode"])],
        conv_dim=list(dimensions),
        conv_kernel=list(kernels),
        conv_stride=list(strides),
        vocab_size=outputs,
        adapter_attn_dim=encoder["adp_dim"] if encoder.get("layer_type") == _WITH_ADAPTER else None,
        **{theirs: encoder[ours] for ours, theirs in _ENCODER.items()},
        **{theirs: model[ours] for ours, theirs in _TRAINING.items() if ours in model},
    )


def _require_plain(model: Mapping[str, Any], encoder: Mapping[str, Any], file: str | Path) -> None:
    needed = {*_ENCODER, "conv_feature_layers", "extractor_mode"}
    if model.get("_name") != "wav2vec_ctc" or encoder.get("_name") != "wav2vec2" or not needed <= encoder.keys():
        problem = f"its model is {model.get('_name')!r}, its encoder {encoder.get('_name')!r}"
    elif found := list(_special_options(model, encoder)):
        problem = f"transformers has no place for {', '.join(found)}"
    else:
        return
    raise XlplError(problem, file=file, expected="a checkpoint of wav2vec_ctc over wav2vec 2.0, XLS-R or MMS")


def _special_options(model: Mapping[str, Any], encoder: Mapping[str, Any]) -> Iterator[str]:
    """Yield the options that make the model another function than transformers has."""
    plain = {**_PLAIN_ENCODER, "layer_type": _WITHOUT_ADAPTER}
    if encoder.get("layer_type") == _WITH_ADAPTER and encoder["layer_norm_first"]:
        plain |= {"layer_type": _WITH_ADAPTER, **_PLAIN_ADAPTER}
    yield from (f"{name}={encoder[name]}" for name, value in plain.items() if encoder.get(name, value) != value)
    if model.get("blank_weight"):
        yield f"blank_weight={model['blank_weight']}"
    if encoder["activation_fn"] not in _ACTIVATIONS:
        yield f"activation_fn={encoder['activation_fn']}"


def config_of_settings(settings: Wav2Vec2Settings) -> dict[str, Any]:
    """Return what config.json holds for a model of CTC."""
    added = {"ctc_zero_infinity": True, "dtype": "float32", "num_feat_extract_layers": len(settings.conv_dim)}
    return {**asdict(settings), **added}
