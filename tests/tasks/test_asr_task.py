"""The task xlpl_asr: which data it loads, which dictionary it accepts, what it hands to fairseq-generate."""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import options
from fairseq.data import Dictionary
from fairseq.dataclass.utils import gen_parser_from_dataclass
from omegaconf import OmegaConf

import xlpl_plugin.registry  # noqa: F401
from xlpl_plugin.criterions.ctc import CtcConfig
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.transformer_ctc import TransformerCtcConfig
from xlpl_plugin.tasks.asr import AsrConfig, AsrTask
from xlpl_plugin.tasks.continuous import ContinuousTaskConfig

TEXTS = ["ab cab", "bad", "dad face ab", "a"]
OTHER_UNITS = ("|", *"abcdefgh", "x")  # as many as UNITS
UNITS = ("|", *"abcdefghi")
MakeFolder = Callable[..., Path]


def make_task(data: Path, **options: Any) -> AsrTask:
    plain = {"seed": 1, "train_subset": "train", "finetune_from_model": None, "restore_file": "checkpoint_last.pt"}
    plain["best_checkpoint_metric"] = "uer"
    return AsrTask.setup_task(OmegaConf.structured(AsrConfig(data=str(data), **{**plain, **options})))


def make_dictionary(symbols: Sequence[str]) -> Dictionary:
    dictionary = Dictionary()
    for symbol in symbols:
        dictionary.add_symbol(symbol)
    return dictionary


@pytest.fixture
def folder(tmp_path: Path, make_folder: MakeFolder) -> Path:
    return make_folder(tmp_path / "data", {"train": TEXTS, "valid": TEXTS[:3]}, UNITS)


def test_labels_of_another_length_are_refused(folder: Path) -> None:
    (folder / "train.ltr").write_text("a |\nb |\n")
    with pytest.raises(XlplError, match=r"train\.ltr:3: 2 lines, but train\.tsv has 4 utterances"):
        make_task(folder).load_dataset("train")


def test_missing_dictionary_is_named(folder: Path) -> None:
    (folder / "dict.ltr.txt").unlink()
    with pytest.raises(XlplError, match=r"dict\.ltr\.txt: no such file"):
        _ = make_task(folder).target_dictionary


def test_training_without_labels_is_refused(tmp_path: Path, make_folder: MakeFolder) -> None:
    task = make_task(make_folder(tmp_path / "plain", {"train": TEXTS}, UNITS, labels=False))
    with pytest.raises(XlplError, match=r"train\.ltr: missing, but training needs labels"):
        task.load_dataset("train")
    task.load_dataset("train", task_cfg=task.cfg)  # fairseq-generate on the same split
    assert not task.dataset("train").labelled


def test_filter_that_leaves_nothing_is_refused(folder: Path) -> None:
    with pytest.raises(XlplError, match="no utterance is left"):
        make_task(folder, min_duration=60.0).load_dataset("train")


def test_weights_of_the_mix_must_be_complete(folder: Path) -> None:
    with pytest.raises(XlplError, match="mix has 1 folders, but mix_weights 0 numbers"):
        make_task(folder, mix=[str(folder)]).load_dataset("train")


def test_mix_and_filters_apply_to_training_alone(folder: Path, tmp_path: Path, make_folder: MakeFolder) -> None:
    source = make_folder(tmp_path / "source", {"train": ["face"] * 6, "valid": ["face"]}, UNITS)
    task = make_task(folder, mix=[str(source)], mix_weights=[0.5], min_duration=0.2)
    task.load_dataset("train")
    task.load_dataset("valid")
    assert len(task.dataset("train").ordered_indices()) == 3 + 3  # "a" is too short, half of the source's six
    assert len(task.dataset("valid").ordered_indices()) == 3
    task.load_dataset("train", task_cfg=task.cfg)
    assert len(task.dataset("train").ordered_indices()) == 4


def test_a_folder_named_twice_is_taken_twice(folder: Path) -> None:
    task = make_task(folder, mix=[str(folder), str(folder)], mix_weights=[1.0, 0.5])
    task.load_dataset("train")
    assert len(task.dataset("train").ordered_indices()) == 4 + 4 + 2


def test_checkpoint_with_another_dictionary_is_refused_at_generation(folder: Path) -> None:
    task = make_task(folder)
    assert len(task.target_dictionary) == 4 + len(UNITS)  # fairseq-generate looks at it first
    with pytest.raises(XlplError, match="the checkpoint: its dictionary is not the model's"):
        task.load_state_dict({"target_dictionary": make_dictionary(OTHER_UNITS)})


def test_checkpoint_with_another_dictionary_is_refused_at_validation(folder: Path) -> None:
    task = make_task(folder)
    task.load_state_dict({"target_dictionary": make_dictionary(OTHER_UNITS)})
    with pytest.raises(XlplError, match=r"dict\.ltr\.txt: its dictionary is not the model's"):
        task.load_dataset("valid", task_cfg=task.cfg)


def test_resuming_with_another_dictionary_is_refused(folder: Path) -> None:
    saved = make_task(folder).get_checkpoint_dict()["AsrTask"]
    make_task(folder).set_checkpoint_dict(saved)
    (folder / "dict.ltr.txt").write_text("".join(f"{unit} 1\n" for unit in OTHER_UNITS))
    with pytest.raises(XlplError, match="resume from: its dictionary"):
        make_task(folder).set_checkpoint_dict(saved)


def test_finetuning_from_as_many_other_units_is_refused(folder: Path, tmp_path: Path) -> None:
    state = {"model": {}, "task_state": {"target_dictionary": make_dictionary(OTHER_UNITS)}}
    torch.save(state, tmp_path / "am.pt")
    task = make_task(folder, finetune_from_model=str(tmp_path / "am.pt"))
    with pytest.raises(XlplError, match=r"am\.pt: its dictionary .*(\n.*)*task\.init_from"):
        task.build_model(OmegaConf.create({"_name": "xlpl_transformer_ctc"}))


def test_dictionary_of_the_checkpoint_serves_where_the_folder_is_gone(tmp_path: Path) -> None:
    task = make_task(tmp_path / "gone")
    task.load_state_dict({"target_dictionary": make_dictionary(UNITS)})
    assert tuple(task.target_dictionary.symbols[4:]) == UNITS
    assert task.target_dictionary.index(task.blank_symbol) == 0


@pytest.mark.parametrize(("multiple", "shards"), [(8, 1), (1, 2), (8, 2)])
def test_iterator_yields_every_utterance_once(folder: Path, multiple: int, shards: int) -> None:
    """fairseq's defaults would lose rows: batches in multiples of 8, a shard for each visible GPU."""
    task = make_task(folder)
    task.load_dataset("train", task_cfg=task.cfg)
    iterator = task.get_batch_iterator(
        dataset=task.dataset("train"),
        max_sentences=3,
        max_positions=task.max_positions(),
        required_batch_size_multiple=multiple,
        num_shards=shards,
    )
    batches = list(iterator.next_epoch_itr(shuffle=False))
    assert sorted(i for batch in batches for i in batch["id"].tolist()) == [0, 1, 2, 3]


def test_epoch_resumed_in_the_middle_yields_the_rest(folder: Path, tmp_path: Path, make_folder: MakeFolder) -> None:
    source = make_folder(tmp_path / "source", {"train": ["face", "cab", "bad", "dad"]}, UNITS)
    task = make_task(folder, mix=[str(source)], mix_weights=[0.5])
    task.load_dataset("train")

    def iterator(epoch: int) -> Any:
        dataset = task.dataset("train")
        return task.get_batch_iterator(dataset=dataset, max_sentences=2, epoch=epoch, disable_iterator_cache=True)

    whole = iterator(epoch=4)
    batches = whole.next_epoch_itr()
    next(batches)
    state = whole.state_dict()
    rest = [batch["names"] for batch in batches]
    resumed = iterator(state["epoch"])
    resumed.load_state_dict(state)
    assert len(rest) == 2
    assert [batch["names"] for batch in resumed.next_epoch_itr()] == rest


def test_epoch_resumed_in_the_middle_is_augmented_alike(folder: Path) -> None:
    """Processes that have read epochs before give what those of a training that goes on give."""

    def iterator(epoch: int) -> Any:
        task = make_task(folder, aug_room=0.7, aug_babble=0.5, aug_phone=0.5)
        task.load_dataset("train")
        dataset = task.dataset("train")
        return task.get_batch_iterator(dataset=dataset, max_sentences=1, epoch=epoch, num_workers=1)

    whole, epochs = iterator(1), []
    for _ in range(2):
        epochs.append({batch["names"][0]: batch["net_input"]["source"] for batch in whole.next_epoch_itr()})
    batches = whole.next_epoch_itr()
    next(batches)
    state = whole.state_dict()
    rest = {batch["names"][0]: batch["net_input"]["source"] for batch in batches}
    resumed = iterator(state["epoch"])
    resumed.load_state_dict(state)
    again = {batch["names"][0]: batch["net_input"]["source"] for batch in resumed.next_epoch_itr()}
    assert list(again) == list(rest)
    assert len(rest) == 3
    assert all(torch.equal(again[name], rest[name]) for name in rest)
    assert not all(torch.equal(epochs[0][name], rest[name]) for name in rest)
    assert not all(torch.equal(epochs[1][name], rest[name]) for name in rest)


def test_training_alone_is_augmented(folder: Path) -> None:
    task = make_task(folder, aug_noise=1.0)
    plain = make_task(folder)
    for one in (task, plain):
        one.load_dataset("train")
        one.load_dataset("valid")
    assert not torch.equal(task.dataset("train")[0]["source"], plain.dataset("train")[0]["source"])
    assert torch.equal(task.dataset("valid")[0]["source"], plain.dataset("valid")[0]["source"])
    task.load_dataset("train", task_cfg=task.cfg)
    assert torch.equal(task.dataset("train")[0]["source"], plain.dataset("train")[0]["source"])


def test_augmentation_out_of_range_is_named(folder: Path) -> None:
    with pytest.raises(XlplError, match=r"task\.aug_hum_snr=\[30\.0, 10\.0\]"):
        make_task(folder, aug_hum_snr=[30.0, 10.0]).load_dataset("train")


@pytest.mark.parametrize(
    ("command", "config"),
    [
        (options.get_training_parser, AsrConfig),
        (options.get_training_parser, ContinuousTaskConfig),
        (options.get_training_parser, CtcConfig),
        (options.get_training_parser, TransformerCtcConfig),
        (options.get_generation_parser, AsrConfig),
        (options.get_generation_parser, ContinuousTaskConfig),
        (options.get_validation_parser, AsrConfig),
    ],
)
def test_fields_are_flags_of_their_own(command: Callable[[], argparse.ArgumentParser], config: type) -> None:
    """fairseq's argparse commands swallow, without a word, a field whose name is one of their own flags."""
    parser = command()
    gen_parser_from_dataclass(parser, config())
    fields = [item for item in dataclasses.fields(config) if "help" in item.metadata and item.name != "data"]
    defaults = {item.name: item.default for item in fields if item.default is not dataclasses.MISSING}
    assert defaults
    assert {name: parser.get_default(name) for name in defaults} == defaults


def test_every_option_of_decoding_arrives(folder: Path, tmp_path: Path) -> None:
    lexicon, lm = tmp_path / "lexicon.txt", tmp_path / "lm.arpa"
    lexicon.write_text("Ab\ta b |\n")
    head = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-99\t<s>\t0\n-1\t</s>\n-3\t<unk>\n"
    lm.write_text(f"{head}-1\tAb\t0\n\n\\2-grams:\n-1\tAb Ab\n\n\\end\\\n")
    values: dict[str, Any] = {
        "lexicon": str(lexicon), "lm": str(lm), "lm_weight": 1.25, "word_score": -0.5, "blank_penalty": 0.75, "beam": 7,
        "beam_token": 3, "beam_threshold": 9.5, "nbest": 2, "log_add": not DecoderConfig.log_add,
        "collapse_blank": 0.875,
    }  # fmt: skip
    assert {name for name, value in values.items() if value != getattr(DecoderConfig, name)} == {
        item.name for item in dataclasses.fields(DecoderConfig)
    }
    task = make_task(folder, **{f"dec_{name}": value for name, value in values.items()})
    assert task.build_generator([], None).decoder.config == DecoderConfig(**values)


def test_flags_of_lists_are_parsed() -> None:
    parser = argparse.ArgumentParser()
    gen_parser_from_dataclass(parser, AsrConfig())
    parsed = parser.parse_args(["data", "--mix", "['a', 'b']", "--mix-weights", "[0.5, 2]"])
    assert (parsed.mix, parsed.mix_weights) == (["a", "b"], [0.5, 2.0])


@pytest.mark.parametrize(
    ("code", "loads_torch"),
    [
        ("import xlpl_plugin, xlpl_plugin.cli", False),
        pytest.param("import fairseq.tasks, xlpl_plugin", True, marks=pytest.mark.slow),
    ],
    ids=["command line", "user-dir"],
)
def test_package_registers_under_fairseq_only(code: str, loads_torch: bool) -> None:
    check = "import sys; print('torch' in sys.modules, 'xlpl_plugin.tasks.asr' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"{code}; {check}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(loads_torch)] * 2
