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


@pytest.mark.slow
def test_preparing_is_measured_at_each_size(run: Run) -> None:
    found = run("prepare.py", "--clips", "20", "--clips", "60", "--seconds", "1")
    assert [speed["clips"] for speed in found["speeds"]] == [20, 60, 20]
    assert all(speed["hours"] == pytest.approx(speed["clips"] / 3600, rel=0.2) for speed in found["speeds"])
    assert all(cost["wall"] > 0 for cost in found["stages"].values())


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
