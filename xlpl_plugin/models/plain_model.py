"""Acoustic models in one safetensors file: weights, and a plain description from which the model is built again.

What a stranger gives cannot name code: known architectures alone, their own options alone, plain values, no paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from fairseq.data import Dictionary
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig
from torch import Tensor

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.json_record import convert
from xlpl_plugin.models.safetensors_file import read_tensors, read_texts, write_tensors
from xlpl_plugin.models.transformer_ctc import TransformerCtcConfig

State = dict[str, Any]

OURS, WAV2VEC = "xlpl_transformer_ctc", "wav2vec_ctc"
_OPTIONS: Mapping[str, type] = {OURS: TransformerCtcConfig, WAV2VEC: Wav2Vec2CtcConfig}
# options that name files and machines, or matter in training alone, with what stands in their place
_PLACES: Mapping[str, Any] = {
    **{"w2v_path": "", "data": "", "ddp_backend": "legacy_ddp", "w2v_args": None, "freeze_regex": None},
    "no_pretrained_weights": True,
}
# options of the task that stand in other sections of a training's configuration, as they are by default
TASK: Mapping[str, Any] = {
    **{"_name": "xlpl_asr", "data": "", "seed": 1, "train_subset": "train", "best_checkpoint_metric": "loss"},
    **{"finetune_from_model": None, "restore_file": "checkpoint_last.pt"},
}
_DESCRIPTION = "xlpl_model"
_REFERENCE = "${"  # OmegaConf would look such a text up, in the environment for one


@dataclass(frozen=True)
class PlainModel:
    """What a file of weights says of its model.

    Attributes:
        architecture: the name by which fairseq knows it.
        options: its options.
        encoder: options of the wav2vec 2.0 inside of ``wav2vec_ctc``; empty for another.
        units: of its outputs, in order.
        normalize: whether it takes waveforms of zero mean and unit variance.
        updates: after how many it was saved; 0 where that is not known.
    """

    architecture: str
    options: dict[str, Any]
    encoder: dict[str, Any]
    units: tuple[str, ...]
    normalize: bool
    updates: int


def describe_model(state: Mapping[str, Any], units: Sequence[str], updates: int, file: str | Path) -> PlainModel:
    """Return the description of a checkpoint's model; what of its configuration no model reads is left out.

    Args:
        state: as ``read_checkpoint`` returns it.
        file: the checkpoint, for the error.

    Raises:
        XlplError: another architecture, or a configuration that cannot be written down plainly.
    """
    config = state.get("cfg") or {}
    model, task = config.get("model") or {}, config.get("task") or {}
    inside = model.get("w2v_args")
    encoder = (inside.get("model") if isinstance(inside, dict) else None) or {}
    found = PlainModel(
        architecture=str(model.get("_name")),
        options={**_known(model, Wav2Vec2CtcConfig if encoder else TransformerCtcConfig)},
        encoder=_known(encoder, Wav2Vec2Config),
        units=tuple(units),
        normalize=bool(task.get("normalize", False)),
        updates=updates,
    )
    if encoder and encoder.get("_name") != "wav2vec2":
        raise _unknown(f"wav2vec_ctc over {encoder.get('_name')!r}", file)
    _check(found, file)
    return found


def write_plain_model(
    file: Path, model: PlainModel, weights: Mapping[str, Tensor], *, half: bool, origin: str | Path
) -> None:
    """Write a model, atomically.

    Args:
        half: real numbers become float16; a model that is built from them computes in float32 all the same.
        origin: where the weights are from, for the error.

    Raises:
        XlplError: weights that are not finite numbers, or too large for float16.
    """
    stored = {name: _stored(value, half) for name, value in weights.items()}
    broken = [name for name, value in stored.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise XlplError(
            f"{len(broken)} of its {len(stored)} weights are not finite{' in half precision' * half}: {broken[0]}, ...",
            file=origin,
            expected="weights that are numbers",
            remedy="leave --half out" if half else "take another checkpoint",
        )
    text = json.dumps(asdict(model), ensure_ascii=False)
    write_tensors(file, stored, {"format": "pt", _DESCRIPTION: text})


def read_plain_model(file: Path) -> State:
    """Read a model as the checkpoint of fairseq that it stands for.

    Raises:
        XlplError: no such file, a damaged one, one without a description, or a description of anything but the known
            architectures by plain values. Nothing was executed, and no other file was opened.
    """
    model = _read_description(file)
    _check(model, file)
    dictionary = Dictionary()
    dictionary.symbols, dictionary.count = list(model.units), [1] * len(model.units)
    dictionary.indices = {unit: index for index, unit in enumerate(model.units)}
    return {
        "args": None,
        "cfg": {"model": _model_section(model), "task": {**TASK, "normalize": model.normalize}, "criterion": None},
        "model": read_tensors(file),
        "optimizer_history": [{"num_updates": model.updates}],
        "task_state": {"target_dictionary": dictionary},
    }


def _read_description(file: Path) -> PlainModel:
    text = read_texts(file).get(_DESCRIPTION)
    if text is None:
        raise XlplError(
            "does not describe its model",
            file=file,
            expected="model.safetensors of a bundle, as `xlpl bundle` writes it",
            remedy="of a model of transformers: xlpl import huggingface",
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise XlplError(f"its description is no JSON: {error}", file=file, remedy="copy the bundle again") from error
    return convert(content, PlainModel, file, holds="the description of a model", written_by="`xlpl bundle`")


def _model_section(model: PlainModel) -> dict[str, Any]:
    section = {"_name": model.architecture, **model.options}
    if model.architecture == WAV2VEC:
        normalize = bool(model.options.get("normalize", model.normalize))
        task = {"_name": "audio_pretraining", "data": "", "normalize": normalize, "sample_rate": SAMPLE_RATE}
        inside = {"model": {"_name": "wav2vec2", **model.encoder}, "task": task}
        section |= {**_PLACES, "normalize": normalize, "w2v_args": inside}
    return section


def _known(section: Mapping[str, Any], schema: type) -> dict[str, Any]:
    """Return the options of a section that the model reads."""
    return {name: section[name] for name in _names(schema) if name in section}


def _names(schema: type) -> list[str]:
    return sorted({item.name for item in fields(schema)} - _PLACES.keys() - {"_name"})


def _check(model: PlainModel, file: str | Path) -> None:
    """Refuse what is no option of a known architecture, and values that are more than values."""
    schema = _OPTIONS.get(model.architecture)
    if schema is None or bool(model.encoder) != (model.architecture == WAV2VEC):
        raise _unknown(repr(model.architecture), file)
    for options, known in ((model.options, schema), (model.encoder, Wav2Vec2Config)):
        names = _names(known)
        for name, value in options.items():
            if name not in names or not _is_plain(value):
                raise XlplError(
                    f"its model has the option {name}={str(value)[:80]!r}",
                    file=file,
                    expected=f"options of {model.architecture} that this version of xlpl knows, with plain values",
                    remedy="was it written by a newer version? pip install --upgrade xlpl",
                )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or (isinstance(value, bool | int | float | str) and _REFERENCE not in str(value))


def _unknown(architecture: str, file: str | Path) -> XlplError:
    return XlplError(
        f"its model is {architecture}",
        file=file,
        expected=f"a model of {OURS}, or of {WAV2VEC} over a wav2vec 2.0 (XLS-R, MMS)",
        remedy="take a checkpoint that xlpl or today's fairseq has trained",
    )


def _stored(value: Tensor, half: bool) -> Tensor:
    """Return a copy of its own: a weight may be a view of another."""
    kind = torch.float16 if half and value.is_floating_point() else value.dtype
    return value.detach().to(kind, copy=True, memory_format=torch.contiguous_format)
