"""Bundles of runs and checkpoints: they transcribe as their run does, without it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import MakeFolder
from support.small_run import WEIGHTS, SmallRun

from xlpl_plugin.bundling.bundle_options import BundleOptions
from xlpl_plugin.bundling.write_bundle import write_bundle
from xlpl_plugin.cli import xlpl
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.decoding import DecoderConfig
from xlpl_plugin.errors import XlplError
from xlpl_plugin.labelling.label_split import LabelConfig, label
from xlpl_plugin.labelling.records import LABELS_FILE
from xlpl_plugin.models.safetensors_file import read_tensors
from xlpl_plugin.text.kenlm_tools import find_tool
from xlpl_plugin.transcribing.bundle import Bundle
from xlpl_plugin.transcribing.opening import find_parts
from xlpl_plugin.transcribing.recogniser import load_recogniser
from xlpl_plugin.transcribing.transcript import Transcript

EXACT = BundleOptions(lm_bits=0)
needs_kenlm = pytest.mark.skipif(find_tool("build_binary") is None, reason="build_binary is not built here")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, make_folder: MakeFolder) -> Path:
    texts = ["cab dad", "face", "bad dad cab ab", "dad dad face"]
    return make_folder(tmp_path_factory.mktemp("new") / "data", {"test": texts}, labels=False)


def transcripts(model: Path, prepared: Path) -> list[Transcript]:
    recordings = sorted((prepared / "audio" / "test").iterdir())
    return load_recogniser(model, device="cpu").transcribe(recordings)


def moved(bundle: Path, to: Path, run: Path) -> Path:
    """Take a bundle elsewhere, and all that it was made of away."""
    shutil.move(bundle, to)
    shutil.rmtree(run.parent)
    return to


def test_it_transcribes_as_the_run_that_is_gone(small_run: SmallRun, tmp_path: Path, prepared: Path) -> None:
    expected = transcripts(small_run.path, prepared)
    write_bundle(small_run.path, tmp_path / "bundle", EXACT)
    bundle = moved(tmp_path / "bundle", tmp_path / "elsewhere", small_run.path)
    assert sum(len(transcript.words) for transcript in expected) > 3
    assert transcripts(bundle, prepared) == expected


def test_what_it_holds(small_run: SmallRun, tmp_path: Path) -> None:
    expected = find_parts(small_run.path).decoder
    done = write_bundle(small_run.path, tmp_path / "bundle", EXACT)
    found = Bundle.read(tmp_path / "bundle" / "bundle.json")
    assert found == done.bundle
    assert found.decoder == replace(expected, lexicon="lexicon.txt", lm=found.decoder.lm)
    assert found.decoder.beam == WEIGHTS.beam
    assert found.language == "sw"
    there = {file.name: file.stat().st_size for file in (tmp_path / "bundle").iterdir()}
    assert there.keys() - {"README.md", "bundle.json"} == found.files.keys()
    assert all(there[name] == file.bytes for name, file in found.files.items())
    assert done.load_seconds > 0


def test_nothing_in_it_says_where_it_was_made(small_run: SmallRun, tmp_path: Path) -> None:
    write_bundle(small_run.path, tmp_path / "bundle", EXACT)
    for file in (tmp_path / "bundle").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file


def test_half_precision(small_run: SmallRun, tmp_path: Path, prepared: Path) -> None:
    full = write_bundle(small_run.path, tmp_path / "full").bundle.files["model.safetensors"]
    half = write_bundle(small_run.path, tmp_path / "half", BundleOptions(half=True)).bundle.files["model.safetensors"]
    assert half.bytes < 0.6 * full.bytes
    assert len(transcripts(tmp_path / "half", prepared)) == 4


@needs_kenlm
def test_the_lm_is_quantised(small_run: SmallRun, tmp_path: Path, prepared: Path) -> None:
    whole = Path(small_run.config.decoder.lm).stat().st_size
    done = write_bundle(small_run.path, tmp_path / "bundle")
    assert done.bundle.files["lm.bin"].bytes < whole
    assert done.contents["language model"].startswith("quantised to 8 bits")
    assert any(transcript.words for transcript in transcripts(tmp_path / "bundle", prepared))
    fewer = write_bundle(small_run.path, tmp_path / "fewer", BundleOptions(lm_bits=4))
    assert fewer.bundle.files["lm.bin"].bytes < done.bundle.files["lm.bin"].bytes


@needs_kenlm
def test_an_arpa_is_quantised_by_itself(small_run: SmallRun, tmp_path: Path) -> None:
    arpa = Path(small_run.config.decoder.lm).with_name("lm.arpa")
    small_run.config.decoder.lm = shutil.copy(arpa, tmp_path / "own.arpa")
    small_run.write_config()
    assert "quantised to 8 bits" in write_bundle(small_run.path, tmp_path / "bundle").contents["language model"]


@needs_kenlm
@pytest.mark.parametrize("gone", ["lm.arpa", "lm.json"])
def test_without_its_arpa_the_lm_is_copied_and_that_is_told(small_run: SmallRun, tmp_path: Path, gone: str) -> None:
    lm = Path(small_run.config.decoder.lm)
    lm.with_name(gone).unlink()
    done = write_bundle(small_run.path, tmp_path / "bundle")
    assert (tmp_path / "bundle" / "lm.bin").read_bytes() == lm.read_bytes()
    assert "not quantised, since its ARPA is not beside it" in done.contents["language model"]
    assert "not quantised" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")


@needs_kenlm
def test_without_kenlms_program_the_lm_is_copied(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("XLPL_KENLM_BIN", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    done = write_bundle(small_run.path, tmp_path / "bundle")
    assert "build_binary is not there" in done.contents["language model"]
    assert (tmp_path / "bundle" / "lm.bin").read_bytes() == Path(small_run.config.decoder.lm).read_bytes()


@needs_kenlm
def test_what_quantising_makes_no_smaller_is_copied(small_run: SmallRun, tmp_path: Path) -> None:
    done = write_bundle(small_run.path, tmp_path / "bundle", BundleOptions(lm_bits=25))
    assert "not make its" in done.contents["language model"]
    assert (tmp_path / "bundle" / "lm.bin").read_bytes() == Path(small_run.config.decoder.lm).read_bytes()


def test_a_checkpoint_alone_is_greedy(tmp_path: Path, save: Callable[..., Path], prepared: Path) -> None:
    am = save(tmp_path / "am.pt", LETTERS)
    expected = transcripts(am, prepared)
    done = write_bundle(am, tmp_path / "bundle", BundleOptions(language="Swahili"))
    assert done.bundle.decoder == DecoderConfig()
    assert done.bundle.language == "sw"
    assert set(done.bundle.files) == {"model.safetensors"}
    assert any(transcript.text for transcript in expected)
    assert transcripts(tmp_path / "bundle", prepared) == expected


def test_a_wav2vec_becomes_one_without_its_pretrained_file(
    tmp_path: Path, save_wav2vec: Callable[..., Path], prepared: Path
) -> None:
    am = save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", LETTERS)
    write_bundle(am, tmp_path / "bundle")
    assert transcripts(tmp_path / "bundle", prepared) == transcripts(am, prepared)


def refuse(run: Path, out: Path, told: str, options: BundleOptions | None = None) -> None:
    before = sorted(out.rglob("*")) if out.exists() else None
    with pytest.raises(XlplError, match=told):
        write_bundle(run, out, options)
    assert (sorted(out.rglob("*")) if out.exists() else None) == before


def test_bad_input_leaves_nothing(small_run: SmallRun, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    refuse(tmp_path / "gone", out, "no such file")
    refuse(tmp_path, out, "neither a run, a bundle nor a checkpoint")
    refuse(small_run.path, out, "lm_bits=26", BundleOptions(lm_bits=26))
    refuse(small_run.path, out, "language: unknown language 'Swahhili'", BundleOptions(language="Swahhili"))
    refuse(small_run.path, small_run.path, "already holds results")
    Path(small_run.config.decoder.lexicon).unlink()
    refuse(small_run.path, out, r"lexicon\.txt: no such file")


def test_a_model_that_cannot_be_loaded_is_no_bundle(small_run: SmallRun, tmp_path: Path) -> None:
    """Here the lexicon has a spelling that is none."""
    with Path(small_run.config.decoder.lexicon).open("a", encoding="utf-8") as lexicon:
        lexicon.write("ß\t<unk> |\n")
    refuse(small_run.path, tmp_path / "bundle", "no unit that somebody says")


def test_bundles_are_not_bundled_and_runs_not_overwritten(small_run: SmallRun, tmp_path: Path) -> None:
    write_bundle(small_run.path, tmp_path / "bundle")
    refuse(tmp_path / "bundle", tmp_path / "again", "is a bundle already")
    with pytest.raises(XlplError, match="is the run itself"):
        write_bundle(small_run.path, small_run.path, force=True)
    assert find_parts(small_run.path).am.suffix == ".pt"


def test_with_force_the_new_one_stands_alone(small_run: SmallRun, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    write_bundle(small_run.path, out)
    (out / "notes.txt").write_text("of the user")
    refuse(small_run.path, out, "already holds results")
    done = write_bundle(find_parts(small_run.path).am, out, force=True)
    kept = {"README.md", "bundle.json", "notes.txt"}
    assert {file.name for file in out.iterdir()} == kept | done.bundle.files.keys() == {"model.safetensors", *kept}


def test_the_verb_tells_sizes_and_the_time_to_load(small_run: SmallRun, tmp_path: Path) -> None:
    words = ["bundle", str(small_run.path), str(tmp_path / "bundle"), "--half", "--licence", "CC-BY-4.0"]
    said = CliRunner().invoke(xlpl, words, catch_exceptions=False).output
    assert "acoustic model: xlpl_transformer_ctc" in said
    assert "half precision" in said
    assert " MB (lexicon.txt" in said
    assert "loads in" in said
    assert json.loads((tmp_path / "bundle" / "bundle.json").read_text())["licence"] == "CC-BY-4.0"
    assert str(next(iter(read_tensors(tmp_path / "bundle" / "model.safetensors").values())).dtype) == "torch.float16"


def labels(out: Path, am: Path, decoder: DecoderConfig, prepared: Path) -> bytes:
    label(LabelConfig(am=str(am), data=str(prepared), split="test", out=str(out), decoder=decoder, device="cpu"))
    return (out / LABELS_FILE).read_bytes()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Another folder to work in, where no relative path of the run leads anywhere."""
    (tmp_path / "elsewhere").mkdir()
    before = Path.cwd()
    os.chdir(tmp_path / "elsewhere")
    yield tmp_path / "elsewhere"
    os.chdir(before)


@pytest.mark.slow
def test_labels_of_a_real_run_are_the_same_bytes(
    tiny_run: Path, tmp_path: Path, prepared: Path, elsewhere: Path
) -> None:
    """Words, times, confidences and scores, of `xlpl label` and of the recogniser."""
    write_bundle(tiny_run, tmp_path / "bundle", EXACT)
    run, bundle = find_parts(tiny_run), find_parts(tmp_path / "bundle")
    expected = labels(tmp_path / "of-run", run.am, run.decoder, prepared)
    assert labels(tmp_path / "of-bundle", bundle.am, bundle.decoder, prepared) == expected
    assert len(json.loads(expected.splitlines()[0])["words"]) > 0
    assert transcripts(tmp_path / "bundle", prepared) == transcripts(tiny_run, prepared)
