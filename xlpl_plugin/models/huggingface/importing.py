"""A folder of transformers becomes a checkpoint of fairseq."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq.data import Dictionary
from torch import Tensor

from xlpl_plugin.audio import SAMPLE_RATE
from xlpl_plugin.errors import XlplError
from xlpl_plugin.files import must_exist, new_output, read_json
from xlpl_plugin.models.checkpoint import write_weights
from xlpl_plugin.models.huggingface.adapters import read_adapter
from xlpl_plugin.models.huggingface.architecture import (
    EncoderShape,
    Wav2Vec2Settings,
    adapter_options,
    encoder_config,
    require_convertible,
    shape_of_settings,
    training_of_settings,
)
from xlpl_plugin.models.huggingface.mapping import (
    FORMER_NAMES,
    MASK,
    OUR_OUTPUT,
    OUR_PREFIX,
    PRETRAINING_HEADS,
    PROJECTION,
    THEIR_OUTPUT,
    THEIR_PREFIX,
    encoder_weights,
)
from xlpl_plugin.models.huggingface.vocabulary import Vocabulary, read_vocabulary
from xlpl_plugin.models.huggingface.weight_files import read_weights
from xlpl_plugin.models.plain_model import TASK
from xlpl_plugin.text.symbols import SPECIAL_SYMBOLS

CONFIG_FILE, EXTRACTOR_FILE, _PROCESSOR_FILE = "config.json", "preprocessor_config.json", "processor_config.json"
# the logit of a special symbol that the model has no output for: it never has a probability
_NEVER = -1000.0

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class ImportedModel:
    """What was read: the units of an acoustic model (none: an encoder), and what was done to it, in words.

    ``adapter`` holds the options that fine-tuning must be given for a model with adapters.
    """

    units: tuple[str, ...]
    normalize: bool
    notes: tuple[str, ...]
    adapter: Mapping[str, Any]

    @property
    def training(self) -> str:
        """The overrides that a fine-tuning needs beside the path of the encoder."""
        adapter = [f"model.{name}={value}" for name, value in self.adapter.items()]
        return " ".join([f"task.normalize={str(self.normalize).lower()}", *adapter])


def import_huggingface(
    folder: str | Path, out: str | Path, *, adapter: str | None = None, encoder_only: bool = False, force: bool = False
) -> ImportedModel:
    """Write a wav2vec 2.0 of transformers as a checkpoint of fairseq.

    A model for CTC becomes one of ``wav2vec_ctc`` that holds its units; another becomes a pre-trained encoder, for
    ``model.w2v_path``. Weights become float32.

    Args:
        folder: with config.json, weights, preprocessor_config.json and, for CTC, vocab.json.
        out: the new file, written atomically.
        adapter: a language of a model with adapters, or the path of its file; it takes the place of the model's own.
        encoder_only: leave out the output layer of a model for CTC.
        force: overwrite ``out``.

    Raises:
        XlplError: another architecture, missing or damaged files, weights that are missing, left over or of other
            shapes, a vocabulary that cannot be used, or ``out`` exists and ``force`` is false. Nothing is written.
    """
    out, folder = new_output(out, force=force), must_exist(folder, "a folder of transformers")
    settings = Wav2Vec2Settings.read(folder / CONFIG_FILE)
    require_convertible(settings, folder / CONFIG_FILE)
    normalize = _read_normalize(folder)
    shape = shape_of_settings(settings)
    chosen = None if adapter is None else read_adapter(folder, adapter, shape)
    found = read_weights(folder) | dict(chosen.weights if chosen else {})
    weights = {_plain_name(name): value.float() for name, value in found.items()}
    output = _take(weights, (THEIR_OUTPUT,))
    language = chosen.language if chosen else None
    vocabulary = None if encoder_only else _read_units(folder, settings, output, language)
    encoder, notes = _our_encoder(weights, shape, folder)
    config = encoder_config(shape, normalize=normalize)
    adapters = adapter_options(settings) if shape.adapter else {}
    if vocabulary is None:
        write_weights({"cfg": config}, encoder, out, origin=folder)
        return ImportedModel((), normalize, notes, adapters)
    ours = {OUR_PREFIX + name: value for name, value in encoder.items()} | _our_output(output, vocabulary)
    write_weights(_acoustic_state(config, settings, vocabulary.units), ours, out, origin=folder)
    lowered = ("the units are in lower case; they were in upper case there",) if vocabulary.lowered else ()
    return ImportedModel(vocabulary.units, normalize, (*notes, *lowered), adapters)


def _read_normalize(folder: Path) -> bool:
    """Return whether waveforms are normalised; transformers 5 writes that into the processor's file."""
    file = folder / EXTRACTOR_FILE
    if not file.exists() and (folder / _PROCESSOR_FILE).exists():
        file = folder / _PROCESSOR_FILE
    content = read_json(file)
    content = content.get("feature_extractor", content) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        raise XlplError("says nothing of waveforms", file=file, expected="the settings of transformers' extractor")
    rate = content.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise XlplError(f"sampling_rate={rate}", file=file, expected=f"a model for {SAMPLE_RATE} samples a second")
    return bool(content.get("do_normalize", True))


def _plain_name(name: str) -> str:
    """Return the name as today's transformers has it, without the encoder's prefix."""
    name = name.removeprefix(THEIR_PREFIX)
    return FORMER_NAMES.get(name, name)


def _take(weights: Weights, prefixes: tuple[str, ...]) -> Weights:
    """Take the weights out whose names begin so."""
    return {name: weights.pop(name) for name in list(weights) if name.startswith(prefixes)}


def _read_units(folder: Path, settings: Wav2Vec2Settings, output: Weights, language: str | None) -> Vocabulary | None:
    """Return the units of a model for CTC; None for an encoder."""
    ctc = "Wav2Vec2ForCTC" in (settings.architectures or ())
    if not output and not ctc:
        return None
    weight, bias = (output.get(f"{THEIR_OUTPUT}{name}") for name in ("weight", "bias"))
    if weight is None or bias is None or weight.shape != (len(bias), settings.hidden_size) or len(output) != 2:
        raise XlplError(
            "its output layer is not whole",
            file=folder,
            expected=f"{THEIR_OUTPUT}weight (outputs x {settings.hidden_size}) and {THEIR_OUTPUT}bias",
            remedy="download the whole model",
        )
    return read_vocabulary(folder, settings.pad_token_id, len(bias), language)


def _our_output(output: Weights, vocabulary: Vocabulary) -> Weights:
    """Return the output layer in the order of fairseq's units."""
    theirs_weight, theirs_bias = output[f"{THEIR_OUTPUT}weight"], output[f"{THEIR_OUTPUT}bias"]
    weight = torch.zeros(len(vocabulary.rows), theirs_weight.shape[1])
    bias = torch.full((len(vocabulary.rows),), _NEVER)
    for ours, theirs in enumerate(vocabulary.rows):
        if theirs is not None:
            weight[ours], bias[ours] = theirs_weight[theirs], theirs_bias[theirs]
    return {f"{OUR_OUTPUT}weight": weight, f"{OUR_OUTPUT}bias": bias}


def _our_encoder(weights: Weights, shape: EncoderShape, folder: Path) -> tuple[Weights, tuple[str, ...]]:
    """Return the encoder's weights by fairseq's names, and what was done that the user may want to know."""
    notes = []
    if heads := _take(weights, PRETRAINING_HEADS):
        notes.append(f"left out {len(heads)} weights that pre-training alone uses: {', '.join(sorted(heads))}")
    if MASK not in weights:
        weights[MASK] = torch.zeros(shape.options["encoder_embed_dim"])
        notes.append(f"it has no {MASK}: masked frames are zero in fine-tuning")
    if not shape.projected:
        _drop_identity(_take(weights, (f"{PROJECTION}.",)), folder)
    table = list(encoder_weights(shape))
    _require_weights(weights, {weight.theirs: weight.shape for weight in table}, folder)
    ours = {weight.ours: weights[weight.theirs].reshape(weight.our_shape) for weight in table}
    return ours, tuple(notes)


def _drop_identity(projection: Weights, folder: Path) -> None:
    """fairseq has no projection between equal dimensions: transformers' must do nothing."""
    weight, bias = (projection.get(f"{PROJECTION}.{name}") for name in ("weight", "bias"))
    if weight is None or bias is None or not weight.equal(torch.eye(len(weight))) or bias.any():
        raise XlplError(
            f"{PROJECTION} is no identity, and fairseq has none between equal dimensions",
            file=folder,
            expected="conv_dim and hidden_size that differ, as in all published models",
        )


def _require_weights(found: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], folder: Path) -> None:
    missing, over = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    other = sorted(name for name in expected.keys() & found.keys() if tuple(found[name].shape) != expected[name])
    problems = [
        f"{len(names)} weights {what}, such as {names[0]}"
        for names, what in ((missing, "are missing"), (over, "are left over"), (other, "have another shape"))
        if names
    ]
    if problems:
        raise XlplError(
            "; ".join(problems),
            file=folder,
            expected=f"the {len(expected)} weights of the encoder that {CONFIG_FILE} describes",
            remedy="download the whole model; other kinds of model than wav2vec 2.0 are not read",
        )


def _acoustic_state(config: dict[str, Any], settings: Wav2Vec2Settings, units: Sequence[str]) -> dict[str, Any]:
    """Return what a checkpoint of ``wav2vec_ctc`` holds beside its weights."""
    normalize = config["task"]["normalize"]
    # without the encoder's criterion: fairseq-validate would put its own there, which then lacks what it refers to
    encoder = {section: config[section] for section in ("model", "task")}
    model = {
        **{"_name": "wav2vec_ctc", "w2v_path": "", "data": "", "ddp_backend": "legacy_ddp"},
        **training_of_settings(settings),
        **adapter_options(settings),
        **{"normalize": normalize, "w2v_args": encoder},
    }
    dictionary = Dictionary()
    for unit in units[len(SPECIAL_SYMBOLS) :]:
        dictionary.add_symbol(unit)
    task = {**TASK, "normalize": normalize}
    return {
        "cfg": {"model": model, "task": task, "criterion": {"_name": "xlpl_ctc", "sentence_avg": False}},
        "task_state": {"target_dictionary": dictionary},
    }
