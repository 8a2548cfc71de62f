"""Bundles from strangers, damaged ones, and folders that are none."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.small_run import make_small_run

from xlpl_plugin.bundling.write_bundle import write_bundle
from xlpl_plugin.cli import xlpl
from xlpl_plugin.errors import XlplError
from xlpl_plugin.models.safetensors_file import read_tensors, read_texts, write_tensors
from xlpl_plugin.transcribing.bundle import BUNDLE_FILE, Bundle, list_files
from xlpl_plugin.transcribing.recogniser import load_recogniser


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, run_parts: Path) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_bundle(make_small_run(folder / "made", run_parts).path, folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


class Hostile:
    """Unpickling this creates a folder."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.victim),)


def change(bundle: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((bundle / BUNDLE_FILE).read_text())
    alter(content)
    (bundle / BUNDLE_FILE).write_text(json.dumps(content))


def list_again(bundle: Path) -> None:
    """Make the hashes fit, as a stranger would."""
    files = list_files(bundle, Bundle.read(bundle / BUNDLE_FILE).files)
    entries = {name: {"bytes": file.bytes, "sha256": file.sha256} for name, file in files.items()}
    change(bundle, lambda content: content.update(files=entries))


def refuse(bundle: Path, told: str) -> None:
    with pytest.raises(XlplError, match=told):
        load_recogniser(bundle, device="cpu")


def test_a_newer_bundle(bundle: Path) -> None:
    change(bundle, lambda content: content.update(form=2, xlpl="9.9.0", decoder="of another kind"))
    refuse(bundle, r"bundle\.json: a bundle of form 2, written by xlpl 9\.9\.0(.|\n)*pip install --upgrade xlpl")


@pytest.mark.parametrize("name", ["model.safetensors", "lexicon.txt", "lm"])
def test_a_file_that_is_damaged_or_missing(bundle: Path, name: str) -> None:
    [file] = bundle.glob(f"{name}*")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    refuse(
        bundle, rf"{file.name}: has {len(whole) - 1} bytes(.|\n)*{len(whole)} bytes(.|\n)*copy or download the whole"
    )
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refuse(bundle, rf"{file.name}: is not the file that was bundled(.|\n)*copy or download the whole")
    file.unlink()
    refuse(bundle, rf"{file.name}: no such file(.|\n)*a file that bundle\.json lists")
    file.write_bytes(whole)
    load_recogniser(bundle, device="cpu")


def test_weights_that_are_cut_and_listed_so(bundle: Path) -> None:
    file = bundle / "model.safetensors"
    file.write_bytes(file.read_bytes()[:2000])
    list_again(bundle)
    refuse(bundle, r"model\.safetensors: cannot be read(.|\n)*a whole file of weights")


@pytest.mark.parametrize("name", ["../evil", "/etc/hostname", "..", "a/b", "a\\b", "", "nul\0"])
@pytest.mark.parametrize("place", ["files", "lexicon", "lm"])
def test_names_that_lead_out_of_the_folder(bundle: Path, name: str, place: str) -> None:
    def alter(content: dict[str, Any]) -> None:
        content["files"][name] = {"bytes": 1, "sha256": ""}
        if place != "files":
            content["decoder"][place] = name

    change(bundle, alter)
    refuse(bundle, "names a file outside of the bundle")


@pytest.mark.parametrize("name", ["model.safetensors", "lexicon.txt"])
def test_a_file_that_is_used_and_not_listed(bundle: Path, name: str) -> None:
    change(bundle, lambda content: content["files"].pop(name))
    refuse(bundle, rf"bundle\.json: does not list {name}(.|\n)*copy or download the whole bundle")


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "not JSON"), ("[]", "not the list of a bundle"), ('{"form": 1}', "not the list of a bundle")],
)
def test_what_is_no_list_of_a_bundle(bundle: Path, content: str, told: str) -> None:
    (bundle / BUNDLE_FILE).write_text(content)
    refuse(bundle, rf"bundle\.json: {told}")


def test_a_decoder_out_of_range(bundle: Path) -> None:
    change(bundle, lambda content: content["decoder"].update(beam=0))
    refuse(bundle, r"decoder\.beam=0")


def test_a_folder_without_its_list(bundle: Path) -> None:
    (bundle / BUNDLE_FILE).unlink()
    refuse(bundle, "neither a run, a bundle nor a checkpoint")


def test_pickles_in_the_folder_are_not_opened(bundle: Path, tmp_path: Path) -> None:
    victim = tmp_path / "executed"
    for name in ("model.pt", "pytorch_model.bin", "checkpoint_best.pt", "lexicon.pkl", "config.yaml"):
        (bundle / name).write_bytes(pickle.dumps(Hostile(victim)))
    change(bundle, lambda content: content["files"].update({"model.pt": {"bytes": 0, "sha256": ""}}))
    list_again(bundle)
    load_recogniser(bundle, device="cpu")
    assert not victim.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "lexicon.txt", "lm"])
def test_a_pickle_in_the_place_of_a_file_is_not_executed(bundle: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "executed"
    [file] = bundle.glob(f"{name}*")
    file.write_bytes(pickle.dumps(Hostile(victim)))
    list_again(bundle)
    refuse(bundle, file.name)
    assert not victim.exists()


def test_code_in_a_configuration_is_refused(bundle: Path, tmp_path: Path, save_wav2vec: Callable[..., Path]) -> None:
    victim = tmp_path / "executed"
    shutil.rmtree(bundle)
    write_bundle(save_wav2vec(tmp_path / "am.pt", tmp_path / "pretrained.pt", "abc|"), bundle)
    file = bundle / "model.safetensors"
    texts = read_texts(file)
    described = json.loads(texts["xlpl_model"])
    described["encoder"]["conv_feature_layers"] = f"__import__('os').mkdir({str(victim)!r}) or [(8, 10, 5)]"
    write_tensors(file, read_tensors(file), {**texts, "xlpl_model": json.dumps(described)})
    list_again(bundle)
    refuse(bundle, r"model\.safetensors: cannot read conv_feature_layers")
    assert not victim.exists()


def test_the_verb_takes_it(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(xlpl, ["transcribe", str(bundle), str(tmp_path / "gone.wav")])
    assert done.exit_code == 1
    assert "gone.wav: no such file" in done.output
