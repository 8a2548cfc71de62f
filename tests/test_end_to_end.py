"""fairseq's own commands, as a user types them, on the plugin: training, resuming, validation, generation.

One training in two halves and in one piece, two processes, and wav2vec_ctc; all tiny and untrained in effect,
since what is tested is that everything arrives where it should.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import xlpl_plugin
from xlpl_plugin.data.units import LETTERS
from xlpl_plugin.models.acoustic import load_acoustic_model
from xlpl_plugin.models.checkpoint import extract_model, read_checkpoint

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
USER_DIR = str(Path(xlpl_plugin.__file__).parent)
BIN = Path(sys.executable).parent
TRAIN = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad", "deaf cab", "bead", "ace", "add a", "dead"]
TEST = ["bad dad", "face", "cab ab", "a", "ab"]
SMALL = ["model.dim=16", "model.layers=2", "model.heads=2", "model.ffn_dim=32", "model.num_mels=20"]
# everything random in training that the model offers
RANDOM = ["model.layer_drop=0.3", "model.stretch_low=0.9", "model.stretch_high=1.1", "model.vocal_tract_low=0.9"]


def start(command: str, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [str(BIN / command), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-5000:]
    return output


def training(data: Path, save_dir: Path, updates: int, *options: str) -> list[str]:
    return [
        "--config-dir", str(ROOT / "config"), "--config-name", "train", f"common.user_dir={USER_DIR}",
        f"task.data={data}", f"checkpoint.save_dir={save_dir}", f"optimization.max_update={updates}",
        "dataset.max_tokens=60000", "dataset.num_workers=0", "common.log_interval=1", *options,
    ]  # fmt: skip


def train(data: Path, save_dir: Path, updates: int, *options: str) -> str:
    return finish(start("fairseq-hydra-train", *training(data, save_dir, updates, *options)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> Path:
    return make_folder(tmp_path_factory.mktemp("data"), {"train": TRAIN, "valid": TEST, "test": TEST})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Six updates, with a checkpoint in the middle of the epoch."""
    save_dir = tmp_path_factory.mktemp("run")
    options = ["checkpoint.save_interval_updates=2", "checkpoint.keep_interval_updates=-1"]
    output = train(data, save_dir, 6, *SMALL, *RANDOM, *options)
    for metric in ("uer", "wer", "blank", "letters", "infeasible"):
        assert f'"valid_{metric}"' in output
    return save_dir


def test_resumed_run_ends_where_an_unbroken_one_does(run: Path, data: Path, tmp_path: Path) -> None:
    (middle,) = run.glob("checkpoint_*_2.pt")
    shutil.copy(middle, tmp_path / "checkpoint_last.pt")
    output = train(data, tmp_path, 6, *SMALL, *RANDOM)
    assert "@ 2 updates" in output
    ends = [read_checkpoint(folder / "checkpoint_last.pt")["model"] for folder in (run, tmp_path)]
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=0, atol=0, msg=name)


def test_validate_counts_every_utterance(run: Path, data: Path) -> None:
    words = [str(data), "--user-dir", USER_DIR, "--task", "xlpl_asr", "--criterion", "xlpl_ctc"]
    words += ["--path", str(run / "checkpoint_last.pt")]
    output = finish(start("fairseq-validate", *words, "--valid-subset", "test", "--max-tokens", "100000"))
    (summary,) = re.findall(r"valid on 'test' subset \|.*", output)
    # one batch, which fairseq alone would shorten to a multiple of 8, and so to nothing
    assert f"| nsentences {len(TEST)} |" in summary
    assert re.search(r"\| uer \d", summary)


def decoding(folder: Path, search: str) -> dict[str, object]:
    """Options of a search, all other than the defaults, with the files that they name."""
    if search == "greedy":
        return {"blank_penalty": 2.0}
    options = {
        "lm_weight": 0.7, "blank_penalty": 2.0, "beam": 30, "beam_token": 20, "beam_threshold": 40.0, "nbest": 2,
        "log_add": True, "collapse_blank": 0.9,
    }  # fmt: skip
    (folder / "words.txt").write_text("Bäd façe\nâ Bäd\nfaçe â â\nçab\n" * 3, encoding="utf-8")
    (folder / "letters.txt").write_text("bad face\na bad\nface a a\ncab\n" * 3)
    if search == "lexicon":
        spelled = "Bäd\tb a d |\nfaçe\tf a c e |\nâ\ta |\nçab\tc a b |\n"
        (folder / "lexicon.txt").write_text(spelled, encoding="utf-8")
        options |= {"lexicon": folder / "lexicon.txt", "word_score": 6.0}
    characters = ["--characters"] if search == "units" else []
    text = "letters.txt" if search == "units" else "words.txt"
    finish(start("xlpl", "lm", str(folder / text), "--out", str(folder / "lm"), "--order", "2", *characters))
    return {**options, "lm": next((folder / "lm").glob("lm.arpa"))}


def as_flags(options: dict[str, object]) -> list[str]:
    flags = []
    for name, value in options.items():
        flags += [f"--dec-{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return flags


@pytest.mark.parametrize("search", ["greedy", "lexicon", "units"])
def test_generate_and_label_hear_the_same_words(run: Path, data: Path, tmp_path: Path, search: str) -> None:
    options = decoding(tmp_path, search)
    am = run / "checkpoint_last.pt"
    words = [
        str(data), "--user-dir", USER_DIR, "--task", "xlpl_asr", "--path", str(am), "--gen-subset", "test",
        "--max-tokens", "100000", "--post-process", "letter", "--scoring", "wer",
        "--dec-words", str(tmp_path / "heard.txt"), *as_flags(options),
    ]  # fmt: skip
    output = finish(start("fairseq-generate", *words))
    assert sorted(re.findall(r"^H-(\d+)", output, re.MULTILINE)) == [str(i) for i in range(len(TEST))]
    assert dict(re.findall(r"^T-(\d+)\t(.*)$", output, re.MULTILINE)) == {str(i): text for i, text in enumerate(TEST)}
    assert re.search(r"^Generate test .*WER: \d", output, re.MULTILINE)

    settings = [f"decoder.{name}={value}" for name, value in options.items()]
    out = tmp_path / "labels"
    finish(start("xlpl", "label", f"am={am}", f"data={data}", "split=test", f"out={out}", *settings))

    lines = (tmp_path / "heard.txt").read_text(encoding="utf-8").splitlines()
    heard = dict(line.split("\t") for line in lines)
    labels = map(json.loads, (out / "labels.jsonl").read_text(encoding="utf-8").splitlines())
    assert heard == {label["id"]: " ".join(label["words"]) for label in labels}
    assert sorted(heard) == [f"test/{i}" for i in range(len(TEST))]
    found = {word for text in heard.values() for word in text.split()}
    assert found
    if search == "lexicon":
        assert found <= {"Bäd", "façe", "â", "çab"}


def test_two_processes_train_and_continue_another_model(
    run: Path, tmp_path: Path, make_folder: Callable[..., Path]
) -> None:
    """Other units, started from the first model, on two processes without a GPU."""
    data = make_folder(tmp_path / "data", {"train": TRAIN, "valid": TEST}, (*LETTERS[::-1], "ß"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        *SMALL, f"task.init_from={run / 'checkpoint_last.pt'}", "common.cpu=true",
        "distributed_training.distributed_world_size=2", "distributed_training.distributed_backend=gloo",
        "distributed_training.distributed_no_spawn=true",
        f"distributed_training.distributed_init_method=tcp://127.0.0.1:{port}",
    ]  # fmt: skip
    ranks = [[*options, f"distributed_training.distributed_rank={rank}"] for rank in (0, 1)]
    commands = [training(data, tmp_path / "run", 3, *rank) for rank in ranks]
    outputs = [finish(process) for process in [start("fairseq-hydra-train", *command) for command in commands]]
    assert re.search(rf"{len(LETTERS) + 4} of {len(LETTERS) + 5} units mapped, new: ß", outputs[0])
    assert '"valid_uer"' in outputs[0]
    assert load_acoustic_model(tmp_path / "run" / "checkpoint_last.pt").units[-1] == "ß"


def test_wav2vec_trains_and_decodes_with_its_origins_gone(
    data: Path, tmp_path: Path, write_pretrained: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    for split in ("train", "valid"):
        tsv = folder / f"{split}.tsv"
        tsv.write_text(tsv.read_text().replace(str(data), str(folder)))
    write_pretrained(tmp_path / "pretrained.pt")
    options = ["model=wav2vec_ctc", f"model.w2v_path={tmp_path / 'pretrained.pt'}", "model.apply_mask=false"]
    assert '"valid_uer"' in train(folder, tmp_path / "run", 3, *options)
    shutil.rmtree(folder)
    (tmp_path / "pretrained.pt").unlink()
    checkpoint = tmp_path / "run" / "checkpoint_last.pt"
    (emission,) = load_acoustic_model(checkpoint).emit([np.zeros(16_000, np.float32)])
    assert emission.shape[1] == len(LETTERS) + 4
    words = [str(data), "--user-dir", USER_DIR, "--task", "xlpl_asr", "--path", str(checkpoint), "--gen-subset", "test"]
    output = finish(start("fairseq-generate", *words, "--max-tokens", "100000", "--quiet", "--scoring", "wer"))
    assert f"Translated {len(TEST)} sentences" in output
    # the weights alone go the same ways
    extract_model(checkpoint, tmp_path / "model.pt")
    words[words.index(str(checkpoint))] = str(tmp_path / "model.pt")
    words = [*words[: words.index("--gen-subset")], "--criterion", "xlpl_ctc", "--valid-subset", "test"]
    assert f"| nsentences {len(TEST)} |" in finish(start("fairseq-validate", *words, "--max-tokens", "100000"))
