"""The benchmarks run, and on an easy corpus all decoders hear what was said."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_script(script: str, *options: str) -> Any:
        command = [sys.executable, str(ROOT / "benchmarks" / script), *options, "--json", str(tmp_path / "out.json")]
        done = subprocess.run(command, capture_output=True, text=True, env=None)
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / "out.json").read_text())

    return run_script


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty made-up utterances with lexicon and a unigram LM."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from synthetic import make

    make(tmp_path, 40)
    words = [line.partition("\t")[0] for line in (tmp_path / "lexicon.txt").read_text().splitlines()]
    grams = "".join(f"-{3 + number / 1000:.3f}\t{word}\t0\n" for number, word in enumerate(words))
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm" / "lm.bin").write_text(
        f"\\data\\\nngram 1={len(words) + 3}\nngram 2=1\n\n\\1-grams:\n-5\t<unk>\n-99\t<s>\t0\n-1\t</s>\n{grams}\n"
        f"\\2-grams:\n-2\t<s> {words[0]}\n\n\\end\\\n"
    )
    return tmp_path


@pytest.mark.slow
def test_decoders_side_by_side(corpus: Path, run: Run) -> None:
    given = {"data": "data", "emissions": "emissions", "text": ".", "references": "references"}
    folders = [word for name, value in given.items() for word in (f"--{name}", str(corpus / value))]
    options = ["--split", "train", "--workers", "2", "--repeats", "1", "--beam", "20", "--lexicon-size", "3000"]
    found = run("decode.py", *folders, *options, "--limit-seconds", "1")
    rows = {row["system"]: row for row in found["rows"] if "pyctcdecode" not in row["system"]}
    assert list(rows) == ["torchaudio loop", "xlpl pool 2", "xlpl label 2"]
    for row in rows.values():
        assert (row["utterances"], row["wer"], row["texts_unlike_baseline"]) == (40, 0, 0)
        assert row["audio_seconds"] == pytest.approx(rows["torchaudio loop"]["audio_seconds"], abs=0.1)
        assert min(row["times_real_time"]) > 0
        assert row["memory_peak_mb"] >= row["memory_mb"] > 0
    assert 0 < rows["xlpl pool 2"]["search_seconds"] <= rows["xlpl pool 2"]["cpu_seconds"] + 0.1
    assert [size["workers"] for size in found["memory"]] == [2]
    assert 0 < found["memory"][0]["worker_private_mb"] <= found["memory"][0]["worker_private_peak_mb"]
    assert len(found["demands"]) == 5
    assert found["machine"]["commit"] is not None


@pytest.mark.slow
def test_memory_over_time(tmp_path: Path, run: Run) -> None:
    found = run("memory.py", "--utterances", "1500", "--workers", "1", "--plot", str(tmp_path / "memory.png"))
    assert [row["process"] for row in found["processes"]] == ["coordinator", "trie builder", "worker 1"]
    assert found["samples"][-1]["done"] == 1500
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("script", sorted(file.name for file in (ROOT / "benchmarks").glob("*.py")))
def test_every_benchmark_fits_the_package(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its imports, at least: the benchmarks themselves take hours."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    runpy.run_path(str(ROOT / "benchmarks" / script), run_name="imported")


def test_each_change_of_audio_is_measured_beside_an_update(run: Run) -> None:
    found = run("augmentation.py", "--size", "mini", "--seconds", "2", "--utterance", "1", "--repeats", "1")
    rows = {row["what"]: row for row in found["rows"]}
    assert list(rows)[:2] == ["update", "reading"]
    assert len(rows) == 3 + 8
    assert all(row["ms"] > 0 for row in rows.values())
    assert rows["update"]["share_of_update"] == 1
    # the codecs are the dearest
    assert rows["suggested"]["ms"] < rows["aug_compress=1"]["ms"]


@pytest.mark.slow
def test_preparing_is_measured_at_each_size(run: Run) -> None:
    found = run("prepare.py", "--clips", "20", "--clips", "60", "--seconds", "1")
    assert [speed["clips"] for speed in found["speeds"]] == [20, 60, 20]
    assert all(speed["hours"] == pytest.approx(speed["clips"] / 3600, rel=0.2) for speed in found["speeds"])
    assert all(cost["wall"] > 0 for cost in found["stages"].values())


@pytest.mark.slow
def test_memory_of_an_encoder_is_that_of_its_weights_and_its_audio(run: Run) -> None:
    short, long = (run("ssl_memory.py", "--size", "base", "--seconds", "2", "--batch", size)["rows"] for size in "12")
    for one, two in zip(short, long, strict=True):
        # wav2vec 2.0 base has 95 M weights with its quantizer, which fine-tuning leaves out
        assert one["M weights"] == pytest.approx(94.4, abs=0.1)
        assert one["weights and Adam, GB"] == {"fp32": 1.5, "bf16": 1.9}[one["precision"]]
        assert two["activations, GB"] == pytest.approx(2 * one["activations, GB"], abs=0.02)
    kept = {(row["precision"], row["activations again"]): row["activations, GB"] for row in long}
    assert kept["fp32", "no"] > 5 * kept["fp32", "yes"] > 0
    assert kept["bf16", "no"] < 0.7 * kept["fp32", "no"]


def test_the_cpu_comparison_puts_like_beside_like(run: Run) -> None:
    found = run("models.py", "--seconds", "2", "--utterance", "1", "--repeats", "1", "--layers", "1")
    rows = {row["encoder"]: row for row in found["rows"]}
    assert list(rows) == ["ours, stride 4", "fairseq s2t", "ours", "torchaudio Conformer"]
    for row in rows.values():
        [turn] = row["turns"]
        parts = [turn[part] for part in ("forward", "CTC", "backward", "optimiser")]
        assert turn["update"] == pytest.approx(sum(parts), rel=0.2)
        assert turn["matrix products alone"] > 0
        assert row["gflops"] > 0
    [ratio] = found["ratios"]["ours / torchaudio Conformer"]
    assert ratio == rows["ours"]["times_real_time"][0] / rows["torchaudio Conformer"]["times_real_time"][0]


@pytest.mark.parametrize("name", ["tiny", "small", "base", "paper"])
def test_those_who_are_compared_have_as_many_parameters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import torch
    from contenders import Conformer, S2t, alike, parameters, size

    from xlpl_plugin.models.encoder import AcousticEncoder

    for build, config in ((Conformer, size(name)), (S2t, size(name, stride=4, conv_kernel=0))):
        with torch.device("meta"):
            ours = parameters(AcousticEncoder(config, 32))
            other = parameters(alike(build, config, 32))
        assert other == pytest.approx(ours, rel=0.14)


@pytest.mark.slow
def test_every_section_of_the_gpu_benchmark_runs_on_the_cpu(run: Run) -> None:
    found = run("gpu.py", "--toy", "--slower", "100")
    sections = found["sections"]
    assert list(sections) == ["training", "switches", "labelling", "right", "wav2vec"]
    assert not {name: section["problem"] for name, section in sections.items() if section["problem"]}
    # not even the kernels that a GPU alone has: in bfloat16 our encoder attends without a fused one on a CPU
    assert not [row for section in sections.values() for row in section["rows"] if "failed" in row]
    assert len(sections["training"]["rows"]) == 8
    assert all(sum(row["shares"].values()) == pytest.approx(1) for row in sections["training"]["rows"])
    assert len(found["ratios"]) == 4
    checks = {row["check"]: row for row in sections["right"]["rows"]}
    assert checks["device against CPU"]["largest_difference"] == 0
    assert checks["device against CPU"]["beam_texts_changed"] == "0 of 6"
    assert 0 < checks["bf16 against float32 on the CPU"]["largest_difference"] < 0.5
    assert checks["resuming"] == {"check": "resuming", "utterances": 6, "of": 6, "largest_difference": 0}
    assert sections["labelling"]["rows"][0]["system"] == "xlpl label"
    assert all(row["wall_by_slower"] >= 1 for row in sections["labelling"]["rows"][:2])
    assert [row["what"] for row in sections["wav2vec"]["rows"]] == ["train", "label"]
    assert sections["wav2vec"]["rows"][1]["finite"]


def test_a_section_that_fails_or_takes_too_long_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    gpu = runpy.run_path(str(ROOT / "benchmarks" / "gpu.py"), run_name="imported")
    slow = gpu["in_a_process"]("training", ("--toy",), 0.1)
    assert (slow["rows"], slow["problem"]) == ([], "its 0 s were over")
    broken = gpu["in_a_process"]("training", ("--no-such-option",), 60)
    assert "no-such-option" in broken["problem"]


def test_training_is_measured_without_fairseq() -> None:
    """As on a borrowed machine with a GPU that has torch alone."""
    code = (
        "import itertools, sys; sys.path.insert(0, 'benchmarks')\n"
        "class Without:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('fairseq'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "import gpu_training, gpu_scale\n"
        "rows = list(itertools.islice(gpu_training.training(gpu_scale.TOY), 4))\n"
        "print([row['encoder'] for row in rows if 'failed' in row])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "['fairseq s2t']\n", done.stderr


@pytest.mark.slow
def test_every_step_is_measured_at_two_sizes(tmp_path: Path, run: Run) -> None:
    sizes = ["--size", "60", "--size", "120", "--work", str(tmp_path / "work"), "--plot", str(tmp_path / "scale.png")]
    found = run("scale.py", *sizes)
    steps = {cost["step"] for cost in found["costs"]}
    assert {"prepare", "check", "dataset", "label", "merge", "vote", "gather", "measure", "tune", "score"} < steps
    assert len(found["costs"]) == 2 * len(steps)
    assert all(cost["peak_mb"] > 0 and cost["cpu"] > 0 for cost in found["costs"])
    assert any(demand["text"].startswith("the report has") for demand in found["demands"])
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
    # nothing is measured again, and a corpus that is done can go
    again = run("scale.py", *sizes, "--remove")
    assert again["costs"] == found["costs"]
    assert not (tmp_path / "work" / "60").exists()


def test_costs_grow_with_the_hours(run: Run) -> None:
    found = run("cost.py", "--hours", "100", "--hours", "200", "--gpus", "2")
    small, large = found["bills"]
    assert large["training_gpu"] == pytest.approx(2 * small["training_gpu"])
    assert large["decoding_cpu"] == pytest.approx(2 * small["decoding_cpu"])
    # checkpoints do not grow
    assert small["disk_gb"] < large["disk_gb"] < 2 * small["disk_gb"]
    # 4 students hear 100 hours 10 times; 6 FLOPs for 255 million parameters and 33.3 frames are 51 GFLOP a second of
    # audio, so that a fifth of 989 TFLOP/s is 3878 times real time
    assert small["training_gpu"] == pytest.approx(4 * 10 * 100 / 3878, rel=1e-3)
    assert small["rounds_days"] > small["training_gpu"] / 2 / 24
