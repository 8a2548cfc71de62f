"""Folders of transformers as people have them, whole and broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from support.huggingface_folder import VOCABULARY, write_model

import xlpl_plugin
from xlpl_plugin.cli import xlpl
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.checkpoint import read_checkpoint
from xlpl_plugin.models.convolutions import read_convolutions
from xlpl_plugin.models.huggingface import exporting
from xlpl_plugin.models.huggingface.exporting import export_huggingface
from xlpl_plugin.models.huggingface.importing import import_huggingface


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("whole") / "hf", feat_extract_norm="layer")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "hf"))


def edit(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**content, **changes}), encoding="utf-8")


def rename(folder: Path, name: str, other: str) -> None:
    """Give a symbol of the vocabulary another name."""
    vocabulary = {(other if symbol == name else symbol): row for symbol, row in VOCABULARY.items()}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))


def refuse(folder: Path, problem: str) -> None:
    """The error says so, and nothing is written."""
    out = folder.parent / "am.pt"
    before = sorted(folder.parent.iterdir())
    with pytest.raises(XlplError, match=problem):
        import_huggingface(folder, out)
    assert sorted(folder.parent.iterdir()) == before


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(read_checkpoint(path)["model"])


def same(first: Path, second: Path) -> bool:
    ours, theirs = weights(first), weights(second)
    return ours.keys() == theirs.keys() and all(value.equal(theirs[name]) for name, value in ours.items())


def test_verb_says_what_it_made(folder: Path, tmp_path: Path) -> None:
    words = ["import", "huggingface", str(folder), "--out", str(tmp_path / "am.pt")]
    done = CliRunner().invoke(xlpl, words)
    assert done.exit_code == 0, done.output
    assert "the units are in lower case; they were in upper case there" in done.output
    assert "an acoustic model with 6 units: | e a ' b c" in done.output
    assert "already holds results" in str(CliRunner().invoke(xlpl, words).exception)


def test_parts_with_an_index_are_one_model(folder: Path, tmp_path: Path) -> None:
    parts = write_model(tmp_path / "parts", shard="20KB", feat_extract_norm="layer")
    assert len(list(parts.glob("model-*-of-*.safetensors"))) > 2
    import_huggingface(folder, tmp_path / "one.pt")
    import_huggingface(parts, tmp_path / "several.pt")
    assert same(tmp_path / "one.pt", tmp_path / "several.pt")


def test_torch_files_of_former_versions_are_read(folder: Path, tmp_path: Path) -> None:
    import_huggingface(folder, tmp_path / "new.pt")
    former = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): value
        for name, value in load_file(folder / "model.safetensors").items()
    }
    assert any(name.endswith("weight_g") for name in former)
    torch.save(former, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    import_huggingface(folder, tmp_path / "old.pt")
    assert same(tmp_path / "new.pt", tmp_path / "old.pt")


class Hostile:
    """Unpickling this makes a folder."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.victim),)


def test_hostile_torch_file_is_refused_and_never_runs(folder: Path, tmp_path: Path) -> None:
    torch.save({"x": Hostile(tmp_path / "victim")}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    refuse(folder, r"pytorch_model\.bin: refused to load")


def test_half_precision_becomes_float32(folder: Path, tmp_path: Path) -> None:
    half = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    save_file(half, folder / "model.safetensors")
    import_huggingface(folder, tmp_path / "am.pt")
    assert {value.dtype for value in weights(tmp_path / "am.pt").values()} == {torch.float32}


def test_tokens_that_were_added_have_their_own_file(folder: Path, tmp_path: Path) -> None:
    """As fine-tuned XLSR-53 models have them: one of them has an output, the other none."""
    vocabulary = {
        {"<pad>": "[PAD]", "<unk>": "[UNK]"}.get(name, name): row for name, row in VOCABULARY.items() if name != "<s>"
    }
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    edit(folder / "added_tokens.json", **{"<s>": 8, "</s>": 9})
    edit(folder / "special_tokens_map.json", pad_token="[PAD]", unk_token={"content": "[UNK]", "lstrip": False})
    assert import_huggingface(folder, tmp_path / "am.pt").units[4:] == ("|", "e", "a", "'", "b", "c")


def test_letters_of_both_cases_stay(folder: Path, tmp_path: Path) -> None:
    rename(folder, "B", "e")
    imported = import_huggingface(folder, tmp_path / "am.pt")
    assert imported.units[4:] == ("|", "E", "A", "'", "e", "C")
    assert not imported.notes


def test_another_word_boundary_becomes_ours(folder: Path, tmp_path: Path) -> None:
    rename(folder, "|", " ")
    edit(folder / "tokenizer_config.json", word_delimiter_token=" ")
    assert import_huggingface(folder, tmp_path / "am.pt").units[4] == "|"


def test_processor_of_transformers_5_is_read(folder: Path, tmp_path: Path) -> None:
    """Its ``save_pretrained`` writes one file for waveforms and text, and the special tokens with their numbers."""
    import transformers

    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=False)
    (folder / "preprocessor_config.json").unlink()
    transformers.Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    assert not (folder / "preprocessor_config.json").exists()
    imported = import_huggingface(folder, tmp_path / "am.pt")
    assert imported.units[4:] == ("|", "e", "a", "'", "b", "c")
    assert not imported.normalize


def test_another_head_is_refused(tmp_path: Path) -> None:
    refuse(write_model(tmp_path / "hf", "Wav2Vec2ForSequenceClassification"), "are left over, such as classifier.bias")


@pytest.mark.parametrize("head", ["Wav2Vec2ForPreTraining", "Wav2Vec2Model"])
def test_encoder_alone(tmp_path: Path, head: str) -> None:
    folder = write_model(tmp_path / "hf", head, feat_extract_norm="layer", do_stable_layer_norm=True)
    done = CliRunner().invoke(xlpl, ["import", "huggingface", str(folder), "--out", str(tmp_path / "encoder.pt")])
    assert done.exit_code == 0, done.output
    assert ("left out 7 weights that pre-training alone uses" in done.output) == (head == "Wav2Vec2ForPreTraining")
    assert f"model.w2v_path={tmp_path / 'encoder.pt'} task.normalize=true" in done.output
    with pytest.raises(XlplError, match="does not say which units"):
        load_acoustic_model(tmp_path / "encoder.pt")


def test_encoder_of_a_model_for_ctc(folder: Path, tmp_path: Path) -> None:
    import_huggingface(folder, tmp_path / "am.pt")
    words = ["import", "huggingface", str(folder), "--encoder", "--out", str(tmp_path / "encoder.pt")]
    assert CliRunner().invoke(xlpl, words).exit_code == 0
    whole = weights(tmp_path / "am.pt")
    encoder = {f"w2v_encoder.w2v_model.{name}": value for name, value in weights(tmp_path / "encoder.pt").items()}
    assert whole.keys() - encoder.keys() == {"w2v_encoder.proj.weight", "w2v_encoder.proj.bias"}
    assert all(value.equal(whole[name]) for name, value in encoder.items())


def test_model_without_a_mask_says_so(folder: Path, tmp_path: Path) -> None:
    found = load_file(folder / "model.safetensors")
    del found["wav2vec2.masked_spec_embed"]
    save_file(found, folder / "model.safetensors")
    assert "masked frames are zero" in " ".join(import_huggingface(folder, tmp_path / "am.pt").notes)


def as_torch(folder: Path, share: float) -> None:
    """Turn the weights into a file of torch, and keep the first part of it."""
    file = folder / "pytorch_model.bin"
    torch.save(load_file(folder / "model.safetensors"), file)
    (folder / "model.safetensors").unlink()
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no vocabulary": (
        lambda f: (f / "vocab.json").unlink(),
        r"vocab\.json: no such file(.|\n)*the symbol of each output",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights in the folder"),
    "no configuration": (lambda f: (f / "config.json").unlink(), r"config\.json: no such file"),
    "no extractor": (lambda f: (f / "preprocessor_config.json").unlink(), r"preprocessor_config\.json: no such file"),
    "hubert": (lambda f: edit(f / "config.json", model_type="hubert"), "another architecture, 'hubert'"),
    "whisper": (lambda f: edit(f / "config.json", model_type="whisper"), "another architecture, 'whisper'"),
    "adapters": (lambda f: edit(f / "config.json", adapter_attn_dim=16), "where do_stable_layer_norm is false"),
    "no adapters": (
        lambda f: edit(f / "config.json", adapter_attn_dim=16, do_stable_layer_norm=True),
        r"12 weights are missing, such as encoder\.layers\.0\.adapter_layer",
    ),
    "a type": (lambda f: edit(f / "config.json", hidden_size="wide"), r"config\.json: not the config.*hidden_size"),
    "another size": (lambda f: edit(f / "config.json", intermediate_size=32), "6 weights have another shape"),
    "a layer more": (lambda f: edit(f / "config.json", num_hidden_layers=3), "16 weights are missing, such as encod"),
    "a layer less": (lambda f: edit(f / "config.json", num_hidden_layers=1), "16 weights are left over, such as enc"),
    "no heads": (lambda f: edit(f / "config.json", num_attention_heads=0), "a size below 1"),
    "heads": (lambda f: edit(f / "config.json", num_attention_heads=3), "hidden_size=32 is no multiple of num_att"),
    "convolutions": (lambda f: edit(f / "config.json", conv_stride=[5, 2]), "are not of one length"),
    "epsilon": (lambda f: edit(f / "config.json", layer_norm_eps=1e-12), "layer_norm_eps=1e-12, where fairseq has"),
    "extractor": (lambda f: (f / "preprocessor_config.json").write_text("[]"), "says nothing of waveforms"),
    "8 kHz": (lambda f: edit(f / "preprocessor_config.json", sampling_rate=8000), "sampling_rate=8000"),
    "BERT": (lambda f: edit(f / "config.json", model_type="wav2vec2-bert"), "architecture, 'wav2vec2-bert'"),
    "a list of symbols": (lambda f: (f / "vocab.json").write_text('["a", "b"]'), "names 0 of the model's 9 outputs"),
    "no boundary": (lambda f: rename(f, "|", "D"), "no symbol ends a word"),
    "two blanks": (lambda f: edit(f / "config.json", pad_token_id=0), "padding is '<pad>', number 6.*_id .* is 0"),
    "few symbols": (lambda f: rename(f, "A", "E"), "names 8 of the model's 9 outputs; number 1 has no symbol"),
    "a space": (lambda f: rename(f, "A", "a b"), "cannot use the symbol 'a b'"),
    "several languages": (
        lambda f: edit(f / "vocab.json", ita=VOCABULARY),
        r"each of several languages(.|\n)*--adapter",
    ),
    "not JSON": (lambda f: (f / "vocab.json").write_text("{"), r"vocab\.json: not JSON"),
    "truncated": (
        lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:5000]),
        r"model\.safetensors: cannot be read(.|\n)*download the file again",
    ),
    "empty": (lambda f: (f / "model.safetensors").write_bytes(b""), r"model\.safetensors: cannot be read"),
    "torch, truncated": (
        lambda f: as_torch(f, 0.5),
        r"pytorch_model\.bin: cannot be read(.|\n)*download the file again",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_folder_is_refused(folder: Path, name: str) -> None:
    damage, problem = BROKEN[name]
    damage(folder)
    refuse(folder, problem)


@pytest.mark.parametrize("what", ["missing", "more", "another", "outside", "truncated", "no index"])
def test_parts_must_be_those_of_the_index(tmp_path: Path, what: str) -> None:
    folder = write_model(tmp_path / "hf", shard="20KB")
    first, second, *_ = sorted(folder.glob("model-*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if what == "missing":
        first.unlink()
        problem = f"its part '{first.name}' is not in the folder"
    elif what == "more":
        shutil.copy(first, folder / "model-00009-of-00009.safetensors")
        problem = "also has model-00009-of-00009.safetensors, which the index does not name"
    elif what == "another":
        shutil.copy(first, second)
        problem = f"{second.name}: .* (is missing|is not in the index)"
    elif what == "truncated":
        second.write_bytes(second.read_bytes()[:-100])
        problem = f"{second.name}: cannot be read"
    elif what == "no index":
        index.write_text("{}")
        problem = "does not say where the weights are"
    else:
        index.write_text(index.read_text().replace(first.name, f"../{first.name}"))
        problem = "is not in the folder"
    refuse(folder, problem)


def test_a_weight_more_is_named(folder: Path) -> None:
    found = load_file(folder / "model.safetensors")
    save_file({**found, "wav2vec2.surprise": torch.ones(1)}, folder / "model.safetensors")
    refuse(folder, "1 weights are left over, such as surprise")


def test_import_needs_no_transformers(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['transformers'] = None; from xlpl_plugin.cli import main; "
        f"sys.argv = ['xlpl', 'import', 'huggingface', {str(folder)!r}, '--out', {str(tmp_path / 'am.pt')!r}]; main()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert load_acoustic_model(tmp_path / "am.pt", "cpu").units[4] == "|"


def test_other_models_are_not_exported(tmp_path: Path, save: Callable[..., Path]) -> None:
    with pytest.raises(XlplError, match="its model is 'xlpl_transformer_ctc'"):
        export_huggingface(save(tmp_path / "am.pt", ("|", "a")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_failed_export_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_huggingface(folder, tmp_path / "am.pt")

    def full(*_: object) -> None:
        raise XlplError("cannot be written (disk full?)")

    monkeypatch.setattr(exporting, "write_tensors", full)
    with pytest.raises(XlplError, match="disk full"):
        export_huggingface(tmp_path / "am.pt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_without_a_place_are_named(tmp_path: Path, save_wav2vec: Callable[..., Path]) -> None:
    am = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", ("|", "a"))
    state = read_checkpoint(am)
    state["cfg"]["model"]["blank_weight"] = 2.0
    state["cfg"]["model"]["w2v_args"]["model"]["crop_seq_to_multiple"] = 4
    torch.save(state, am)
    with pytest.raises(XlplError, match=r"no place for crop_seq_to_multiple=4, blank_weight=2\.0"):
        export_huggingface(am, tmp_path / "out")


def test_pieces_are_not_exported(tmp_path: Path, save_wav2vec: Callable[..., Path]) -> None:
    am = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", ("\u2581a", "b"))
    with pytest.raises(XlplError, match="no word boundary"):
        export_huggingface(am, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_convolutions_are_read_and_never_executed() -> None:
    text = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"
    assert read_convolutions(text, "am.pt") == ((512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2)
    for other in ("__import__('os').getcwd()", "[(1, 2)]", "[", "5", "'a' * 3"):
        with pytest.raises(XlplError, match=re.escape("cannot read conv_feature_layers")):
            read_convolutions(other, "am.pt")


def test_imported_model_labels_a_folder(folder: Path, tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    import_huggingface(folder, tmp_path / "am.pt")
    data = make_folder(tmp_path / "data", {"train": ["ab cab", "bad"]}, labels=False)
    words = ["label", f"am={tmp_path / 'am.pt'}", f"data={data}", "split=train", f"out={tmp_path / 'labels'}"]
    done = CliRunner().invoke(xlpl, words)
    assert done.exit_code == 0, (done.output, done.exception)
    records = [json.loads(line) for line in (tmp_path / "labels" / "labels.jsonl").read_text().splitlines()]
    assert len(records) == 2
    assert (tmp_path / "labels" / "dict.ltr.txt").read_text().split()[::2] == ["|", "e", "a", "'", "b", "c"]


@pytest.mark.slow
def test_imported_encoder_starts_a_training(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    folder = write_model(tmp_path / "hf", "Wav2Vec2ForPreTraining", feat_extract_norm="layer")
    import_huggingface(folder, tmp_path / "encoder.pt")
    data = make_folder(tmp_path / "data", {"train": ["ab cab", "bad dad"], "valid": ["face ab"]})
    root = Path(__file__).parents[3]
    command = [
        *(str(Path(sys.executable).parent / "fairseq-hydra-train"), "--config-dir", str(root / "config")),
        *("--config-name", "train", f"common.user_dir={Path(xlpl_plugin.__file__).parent}", f"task.data={data}"),
        *(f"checkpoint.save_dir={tmp_path / 'run'}", "optimization.max_update=2", "dataset.max_tokens=60000"),
        *("dataset.num_workers=0", "model=wav2vec_ctc", f"model.w2v_path={tmp_path / 'encoder.pt'}"),
        *("model.mask_length=2", "model.mask_channel_length=4", "task.normalize=true"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    trained = weights(tmp_path / "run" / "checkpoint_last.pt")
    name = "w2v_encoder.w2v_model.feature_extractor.conv_layers.0.0.weight"
    # feature_grad_mult=0: what the encoder brought
    before = weights(tmp_path / "encoder.pt")["feature_extractor.conv_layers.0.0.weight"]
    torch.testing.assert_close(trained[name], before, rtol=0, atol=0)
    export_huggingface(tmp_path / "run" / "checkpoint_last.pt", tmp_path / "back")


@pytest.mark.slow
def test_imported_model_is_validated_by_fairseq(folder: Path, tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    import_huggingface(folder, tmp_path / "am.pt")
    data = make_folder(tmp_path / "data", {"test": ["abe", "cab e"]}, ("|", "e", "a", "'", "b", "c"))
    command = [
        *(str(Path(sys.executable).parent / "fairseq-validate"), str(data), "--path", str(tmp_path / "am.pt")),
        *("--user-dir", str(Path(xlpl_plugin.__file__).parent), "--task", "xlpl_asr", "--criterion", "xlpl_ctc"),
        *("--valid-subset", "test", "--max-tokens", "100000"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| nsentences 2 |" in done.stdout + done.stderr
