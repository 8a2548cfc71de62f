"""Models with an adapter for each language: what transformers computes with one, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
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
from xlpl_plugin.models.huggingface.exporting import export_huggingface
from xlpl_plugin.models.huggingface.importing import import_huggingface

# another alphabet for each language, as MMS has it
VOCABULARIES = {"eng": VOCABULARY, "swh": {**VOCABULARY, "D": 9}}
UNITS = ("<s>", "<pad>", "</s>", "<unk>", "|", "e", "a", "'", "b", "c", "d")
COLUMNS = [UNITS.index(unit) for unit in ("|", "e", "a", "'", "b", "<unk>", "<s>", "c", "<pad>", "d")]
WAVES = [np.random.default_rng(n).standard_normal(n).astype(np.float32) / 10 for n in (16_000, 9_000, 4_321)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base as transformers writes it, which holds the adapter of eng, and the file of another language."""
    import transformers

    folder = tmp_path_factory.mktemp("mms") / "hf"
    write_model(folder, feat_extract_norm="layer", do_stable_layer_norm=True, adapter_attn_dim=8)
    (folder / "vocab.json").write_text(json.dumps(VOCABULARIES), encoding="utf-8")
    adapter = transformers.Wav2Vec2ForCTC.from_pretrained(folder)._get_adapters()
    torch.manual_seed(1)
    adapter |= {"lm_head.weight": torch.zeros(10, 32), "lm_head.bias": torch.zeros(10)}
    drawn = {name: 0.3 * torch.randn_like(value) for name, value in adapter.items()}
    save_file(drawn, folder / "adapter.swh.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "hf"))


def their_log_probs(folder: Path, language: str | None) -> list[np.ndarray]:
    """Return transformers' log-probs of WAVES, normalised as fairseq does, as a padded batch."""
    import transformers

    model = transformers.Wav2Vec2ForCTC.from_pretrained(folder, target_lang=language, ignore_mismatched_sizes=True)
    sources = [torch.nn.functional.layer_norm(torch.from_numpy(wave), (len(wave),)) for wave in WAVES]
    batch = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
    lengths = torch.tensor([len(wave) for wave in WAVES])
    mask = (torch.arange(batch.shape[1]) < lengths.unsqueeze(1)).long()
    with torch.inference_mode():
        log_probs = model.eval()(batch, attention_mask=mask).logits.log_softmax(dim=-1)
    frames = model._get_feat_extract_output_lengths(lengths).tolist()
    return [own[:count].numpy() for own, count in zip(log_probs, frames, strict=True)]


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return all(np.abs(a[:, COLUMNS] - b).max() < 1e-4 for a, b in zip(ours, theirs, strict=True))


def test_adapter_gives_the_same_log_probs(folder: Path, tmp_path: Path) -> None:
    words = ["import", "huggingface", str(folder), "--adapter", "swh", "--out", str(tmp_path / "am.pt")]
    done = CliRunner().invoke(xlpl, words)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "an acoustic model with 7 units: | e a ' b c d" in done.output
    theirs = their_log_probs(folder, "swh")
    am = load_acoustic_model(tmp_path / "am.pt", "cpu")
    assert am.units == UNITS
    assert same(am.emit(WAVES), theirs)
    # the adapters matter: without what they add, it is another function
    state = read_checkpoint(tmp_path / "am.pt")
    for name, value in state["model"].items():
        if name.endswith(("adapter_layer.W_b", "adapter_layer.b_b")):
            value.zero_()
    torch.save(state, tmp_path / "without.pt")
    assert not same(load_acoustic_model(tmp_path / "without.pt", "cpu").emit(WAVES), theirs)


def test_adapter_as_a_file_of_torch(folder: Path, tmp_path: Path) -> None:
    import_huggingface(folder, tmp_path / "am.pt", adapter="swh")
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "adapter.swh.bin"
    torch.save(load_file(folder / "adapter.swh.safetensors"), file)
    (folder / "adapter.swh.safetensors").unlink()
    import_huggingface(folder, tmp_path / "bin.pt", adapter=str(file))
    first, second = (read_checkpoint(tmp_path / name)["model"] for name in ("am.pt", "bin.pt"))
    assert all(value.equal(second[name]) for name, value in first.items())


def test_exported_with_its_adapter(folder: Path, tmp_path: Path) -> None:
    import_huggingface(folder, tmp_path / "am.pt", adapter="swh")
    export_huggingface(tmp_path / "am.pt", tmp_path / "back")
    assert json.loads((tmp_path / "back" / "config.json").read_text())["adapter_attn_dim"] == 8
    ours = load_acoustic_model(tmp_path / "am.pt", "cpu").emit(WAVES)
    for own, theirs in zip(ours, their_log_probs(tmp_path / "back", None), strict=True):
        np.testing.assert_allclose(theirs, own, atol=1e-4, rtol=1e-6)
    # its own adapter is in the file of weights
    import_huggingface(tmp_path / "back", tmp_path / "again.pt")
    first, second = (read_checkpoint(tmp_path / name) for name in ("am.pt", "again.pt"))
    assert first["cfg"] == second["cfg"]
    assert all(value.equal(second["model"][name]) for name, value in first["model"].items())


def break_adapter(folder: Path, **changes: torch.Tensor | None) -> None:
    file = folder / "adapter.swh.safetensors"
    found = load_file(file) | changes
    save_file({name: value for name, value in found.items() if value is not None}, file)


LAYER = "wav2vec2.encoder.layers.1.adapter_layer.linear_1.weight"
BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no such language": (lambda f: None, "xyz", r"no adapter of 'xyz'(.|\n)*a language with a file in it \(swh\)"),
    "no such file": (lambda f: None, "/nowhere/adapter.swh.bin", r"/nowhere/adapter\.swh\.bin: no such file"),
    "no vocabulary of it": (
        lambda f: (f / "vocab.json").write_text(json.dumps({"eng": VOCABULARY, "swa": VOCABULARY})),
        "swh",
        r"vocab\.json: no vocabulary of 'swh'(.|\n)*one of its 2 languages, such as swa",
    ),
    "a weight is missing": (
        lambda f: break_adapter(f, **{LAYER: None}),
        "swh",
        r"adapter\.swh\.safetensors: .*layers\.1\.adapter_layer\.linear_1\.weight is missing",
    ),
    "a weight more": (lambda f: break_adapter(f, x=torch.ones(1)), "swh", "x is none of an adapter's"),
    "another size": (lambda f: break_adapter(f, **{LAYER: torch.ones(4, 32)}), "swh", "1 weights have another shape"),
    "truncated": (
        lambda f: (f / "adapter.swh.safetensors").write_bytes((f / "adapter.swh.safetensors").read_bytes()[:999]),
        "swh",
        r"adapter\.swh\.safetensors: cannot be read",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_adapter_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    damage, wanted, problem = BROKEN[name]
    damage(folder)
    with pytest.raises(XlplError, match=problem):
        import_huggingface(folder, tmp_path / "am.pt", adapter=wanted)
    assert not (tmp_path / "am.pt").exists()


def test_a_model_without_adapters_takes_none(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "hf", feat_extract_norm="layer", do_stable_layer_norm=True)
    with pytest.raises(XlplError, match=r"has no adapters(.|\n)*leave --adapter out"):
        import_huggingface(folder, tmp_path / "am.pt", adapter="swh")


def named_encoder(folder: Path, encoder: Path) -> list[str]:
    """Import the encoder; return the options that the verb says a training needs."""
    words = ["import", "huggingface", str(folder), "--adapter", "swh", "--encoder", "--out", str(encoder)]
    done = CliRunner().invoke(xlpl, words)
    options = done.output.split(f"model.w2v_path={encoder} ")[1].split()
    assert "model.layer_type=trf_adp" in options
    return [f"model.w2v_path={encoder}", *options]


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_model_with_an_adapter_labels_and_trains(
    folder: Path, tmp_path: Path, make_folder: Callable[..., Path], named: bool
) -> None:
    """A student goes on from it, whether the encoder is named or not, and its checkpoints stand alone."""
    import_huggingface(folder, tmp_path / "am.pt", adapter="swh")
    options = named_encoder(folder, tmp_path / "encoder.pt") if named else ["task.normalize=true"]
    data = make_folder(tmp_path / "data", {"train": ["ab cab", "bad dad"], "valid": ["face ab"]})
    root = Path(__file__).parents[3]
    command = [
        *(str(Path(sys.executable).parent / "fairseq-hydra-train"), "--config-dir", str(root / "config")),
        *("--config-name", "ssl", f"common.user_dir={Path(xlpl_plugin.__file__).parent}", f"task.data={data}"),
        *(f"checkpoint.save_dir={tmp_path / 'run'}", "optimization.max_update=2", "dataset.max_tokens=60000"),
        *("dataset.num_workers=0", *options),
        *("model.mask_length=2", "model.mask_channel_length=4", f"task.init_from={tmp_path / 'am.pt'}"),
    ]
    trained = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert trained.returncode == 0, trained.stdout[-3000:] + trained.stderr[-3000:]
    last = tmp_path / "run" / "checkpoint_last.pt"
    name = "w2v_encoder.w2v_model.encoder.layers.0.adapter_layer.W_a"
    before, after = (read_checkpoint(file)["model"][name] for file in (tmp_path / "am.pt", last))
    assert 0 < (after - before).abs().max() < 0.01
    words = ["label", f"am={last}", f"data={data}", "split=train", f"out={tmp_path / 'labels'}"]
    done = CliRunner().invoke(xlpl, words)
    assert done.exit_code == 0, (done.output, done.exception)
    assert len((tmp_path / "labels" / "labels.jsonl").read_text().splitlines()) == 2
