"""The shipped YAML lists what people override: hydra refuses a key that is not there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml
from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig
from hydra import compose, initialize_config_dir

from xlpl_plugin.criterions.ctc import CtcConfig
from xlpl_plugin.models.encoder import EncoderConfig
from xlpl_plugin.tasks.asr import AsrConfig
from xlpl_plugin.tasks.continuous import ContinuousTaskConfig

# where the shipped training does not take the declared default
OURS: dict[str, dict[str, Any]] = {"task": {"min_duration": 0.1, "max_duration": 30.0}}
CONFIG = Path(__file__).parent.parent / "config"


def read(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
    return values


def options(config: type) -> set[str]:
    return {item.name for item in dataclasses.fields(config) if "help" in item.metadata}


def test_model_file_holds_every_option_with_its_default() -> None:
    values = read("model/transformer_ctc.yaml")
    assert values.pop("_name") == "xlpl_transformer_ctc"
    assert values == dataclasses.asdict(EncoderConfig())


def test_sizes_hold_known_options_only() -> None:
    known = {item.name for item in dataclasses.fields(EncoderConfig)}
    for name in ("mini", "tiny", "small", "base", "paper"):
        assert set(read(f"model/{name}.yaml")) - {"defaults", "_name"} <= known, name


def defaults(config: type) -> dict[str, Any]:
    return {item.name: getattr(config(), item.name) for item in dataclasses.fields(config)}


def test_training_file_lists_the_options_of_task_and_criterion_with_their_defaults() -> None:
    values = read("train.yaml")
    training = {name for name in options(AsrConfig) if not name.startswith("dec_")}
    for part, config, names in (("task", AsrConfig, training), ("criterion", CtcConfig, options(CtcConfig))):
        listed = {name: value for name, value in values[part].items() if name not in ("_name", "data")}
        assert set(values[part]) == {"_name", *names}
        assert listed == {name: value for name, value in defaults(config).items() if name in listed} | OURS.get(
            part, {}
        )
    assert values["dataset"]["required_batch_size_multiple"] == 1


def test_continuous_file_lists_what_its_task_adds_with_the_same_defaults() -> None:
    values = read("phase/continuous.yaml")["task"]
    assert (values.pop("_name"), values.pop("unlabelled"), values.pop("dec_beam")) == ("xlpl_continuous", "???", 50)
    declared = defaults(ContinuousTaskConfig)
    added = options(ContinuousTaskConfig) - options(AsrConfig) - {"unlabelled"}
    assert added <= set(values)
    assert values == {name: declared[name] for name in values}


def test_files_for_encoders_hold_all_keys_with_what_suits_them() -> None:
    with initialize_config_dir(config_dir=str(CONFIG), version_base="1.1"):
        plain, ssl = compose("train", ["model=wav2vec_ctc"]), compose("ssl")
        phase, both = compose("continuous", ["model=wav2vec_ctc"]), compose("ssl_continuous")
    ours = read("phase/ssl.yaml")
    for without, tuned in ((plain, ssl), (phase, both)):
        without.merge_with(ours)
        assert without == tuned
    # options of the model that fairseq knows; the encoder may be that of task.init_from
    assert set(ssl.model) <= {item.name for item in dataclasses.fields(Wav2Vec2CtcConfig)} | {"_name"}
    assert (ssl.model._name, ssl.model.w2v_path, ssl.task.normalize) == ("wav2vec_ctc", "", True)
