"""Do two commits give the same results? Tiny runs at both, compared by hashes of labels, weights and scores.

    python benchmarks/same_results.py HEAD~5 HEAD

Each commit is checked out into a temporary folder, and the same script of ``xlpl`` verbs runs there: tones as speech,
two source AMs that vote, filters, rounds, averaged and selected checkpoints, a continuous phase, scores. What is
compared is found by its place in a run, under the names of either commit. With ``--run A B`` two runs that exist, such
as two quickstarts, are compared instead. Exits with 1 where something differs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ["ab cab", "bad", "dad face ab", "cab", "face", "a bad dad", "fad", "deaf cab", "bead", "ace", "add a", "dead"]
TARGET = ["cab dad", "bad face", "dad", "face cab", "ab bad", "dad bad cab", "bad cab", "face dad", "cab", "ab face"]
TEXT = ["cab dad bad", "bad face cab", "dad bad cab", "face cab ab", "ab bad dad", "bad dad", "face ab", "cab bad face"]
RATE = 16_000
# values that tell times, places or the version of the code; the hash of a checkpoint file covers its configuration too,
# a measurement's stage is told by its place
_VARYING = {"seconds", "search_seconds", "times", "finished", "train_seconds", "config", "settings", "am", "checkpoint"}
_VARYING |= {"am_sha256", "round", "stage"}
# fields by the names that earlier commits have for them
_FORMER_NAMES = {"real": "heard", "nonempty": "heard"}


def write_corpus(folder: Path) -> None:
    """Write two source corpora, the target's audio, its references, a text, and the runs' YAML files."""
    for name, texts, seed in (("one", SOURCE, 1), ("two", SOURCE[::-1], 2), ("target", TARGET, 3)):
        rows = ["audio\ttext"]
        for number, text in enumerate(texts):
            file = folder / "speech" / name / f"{number}.wav"
            _write_tones(file, text, seed=100 * seed + number)
            rows.append(f"{file.relative_to(folder / 'speech')}\t{text}")
        (folder / "speech" / f"{name}.tsv").write_text("\n".join(rows) + "\n")
    (folder / "text.txt").write_text("\n".join(TEXT * 4) + "\n")
    for name, changes in RUNS.items():
        (folder / f"{name}.yaml").write_text(_run_yaml(folder, name, changes))


def _write_tones(file: Path, text: str, seed: int) -> None:
    """Each letter is 0.12 s of a tone of its own."""
    time = np.arange(int(0.12 * RATE)) / RATE
    tones = np.concatenate([0.3 * np.sin(2 * np.pi * (200 + 150 * (ord(letter) % 12)) * time) for letter in text])
    noisy = tones + 0.01 * np.random.default_rng(seed).standard_normal(len(tones))
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as stream:
        stream.setparams((1, 2, RATE, len(noisy), "NONE", ""))
        stream.writeframes((noisy * 32767).astype("<i2").tobytes())


_TRAINING = """{{
    config_dir: config, config_name: train, max_update: {updates},
    overrides: [model=transformer_ctc, model.dim=32, model.layers=1, model.heads=2, model.ffn_dim=64, model.num_mels=40,
      model.freq_masks=0, model.time_masks=0, common.cpu=true, common.log_interval=20, "optimization.lr=[0.005]",
      dataset.max_tokens=40000, dataset.num_workers=0, dataset.validate_interval=1000, checkpoint.save_interval=1000,
      checkpoint.save_interval_updates=11, checkpoint.keep_interval_updates=2]{more} }}"""
# what the two runs try between them
RUNS: Mapping[str, str] = {
    "votes": """
voters: [{{data: {folder}/two, training: {source}}}]
target: {{data: {folder}/target, eval_splits: [test]}}
filter: {{min_letters: 2, drop_least_confident: 0.2, weight_by: confidence, other: previous, min_other_agreement: 0.2}}
student: {averaged}
changes: [{{round: 2, init: previous, max_update: 30, tune: false}}]
continuous: {{enabled: true, max_update: 40, cache_size: 4, replace_prob: 0.3}}
""",
    "selected": """
target: {{data: {folder}/target, eval_splits: [test], share: 0.8}}
student: {selected}
continuous: {{enabled: true, max_update: 30, cache_size: 3, label_with: lm, labelled: pseudo}}
""",
}
_COMMON = """
rounds: 2
source: {{data: {folder}/one, training: {source}}}
decoder: {{lexicon: {folder}/lexicon.txt, lm: {folder}/lm/lm.arpa, beam: 20}}
tuning: {{search: {{sample: 6, trials: 6, local_trials: 2, beams: [5, 10]}}}}
stop: {{enabled: false}}
"""


def _run_yaml(folder: Path, name: str, special: str) -> str:
    averaged = f", checkpoint: average, average: 2, mix: [{folder}/one], mix_weights: [0.5]"
    trainings = {
        "source": _TRAINING.format(updates=160, more=""),
        "averaged": _TRAINING.format(updates=50, more=averaged),
        "selected": _TRAINING.format(updates=40, more=", checkpoint: label_free, average: 2, init: previous"),
    }
    return f"out: {folder}/{name}" + (_COMMON + special).format(folder=folder, **trainings)


def preparing(folder: Path) -> list[str]:
    """Return the verbs that make data, lexicon and LM of what ``write_corpus`` wrote."""
    speech = folder / "speech"
    return [
        *(f"prepare manifest {speech}/{name}.tsv --language en --out {folder}/{name}" for name in ("one", "two")),
        f"prepare manifest {speech}/target.tsv --language en --out {folder}/target --unlabelled"
        f" --references {folder}/references --valid 0.2 --test 0.2",
        f"lexicon {folder}/text.txt --out {folder}/lexicon.txt",
        f"lm {folder}/text.txt --order 2 --prune 0 --out {folder}/lm",
    ]


def make_runs(checkout: Path, folder: Path) -> None:
    """Run the verbs of the code in ``checkout``; ``folder`` gets data, runs and a log."""
    write_corpus(folder)
    verbs = preparing(folder)
    for run in RUNS:
        verbs += [
            f"iterate {folder}/{run}.yaml",
            "score "
            + " ".join(f"{stage}={folder}/{run}/{stage}/labels/test" for stage in ("round-1", "round-2", "continuous"))
            + f" --references {folder}/references --json {folder}/{run}/score.json",
        ]
    run_verbs(checkout, folder, verbs)


def run_verbs(checkout: Path, folder: Path, verbs: Sequence[str]) -> None:
    """Run verbs of the code in ``checkout``; what they print goes to ``folder``/log."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",  # the number of threads changes the last bits of sums
    }
    with (folder / "log").open("wb") as log:
        for verb in verbs:
            command = [sys.executable, "-c", "from xlpl_plugin.cli import main; main()", *verb.split()]
            done = subprocess.run(command, cwd=checkout, env=environment, stdout=log, stderr=log, check=False)
            if done.returncode:
                end = (folder / "log").read_text(errors="replace").splitlines()[-15:]
                sys.exit(f"{checkout}: xlpl {verb} failed:\n" + "\n".join(end))


def hashes(run: Path) -> dict[str, str]:
    """Return what a run came to: place -> hash of labels, of the models' tensors, of weights, signals and scores."""
    found = {}
    for file in sorted(run.rglob("*")):
        name = str(file.relative_to(run))
        if "training" in Path(name).parts or "shards" in Path(name).parts or "report" in Path(name).parts:
            continue
        if file.name == "model.pt":
            found[name] = _tensors(file)
        elif file.suffix in (".tsv", ".wrd", ".ltr", ".weight", ".jsonl"):
            found[name] = _digest(file.read_bytes().replace(str(run.parent).encode(), b""))
        elif file.name in ("tune.json", "signals.json", "score.json", "select.json"):
            for key, value in _values(json.loads(file.read_text())):
                found[f"{name}: {key}"] = _digest(json.dumps(value, sort_keys=True).encode())
    return found


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    entries = value.items() if isinstance(value, dict) else [("rows", value)]
    for key, entry in entries:
        if key == "signals":
            yield from ((f"signals.{name}", number) for name, number in entry.items())
        elif key not in _VARYING:
            yield key, _constant(entry)


def _constant(value: Any) -> Any:
    if isinstance(value, dict):
        return {_FORMER_NAMES.get(key, key): _constant(part) for key, part in value.items() if key not in _VARYING}
    return [_constant(part) for part in value] if isinstance(value, list) else value


def _tensors(file: Path) -> str:
    import torch

    from xlpl_plugin.models.checkpoint import read_checkpoint

    digest = hashlib.sha256()
    for name, tensor in sorted(read_checkpoint(file)["model"].items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.ndim else str(tensor).encode())
    return digest.hexdigest()[:16]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> int:
    """Print each difference; return how many there are."""
    different = 0
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            different += 1
            click.echo(f"{name}: {old.get(name, 'not there')} -> {new.get(name, 'not there')}")
    click.echo(f"{len({*old, *new})} results compared, {different} different")
    return different


def _check_out(commit: str, folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    return folder


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--run", "runs", is_flag=True, help="OLD and NEW are folders of runs, or JSON files of hashes.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write the hashes of NEW here.")
def main(old: str, new: str, runs: bool, file: Path | None) -> None:
    """Compare the results of two commits (a tag, a hash, HEAD)."""
    with tempfile.TemporaryDirectory(prefix="xlpl-") as name:
        found = [_of_run(Path(place)) if runs else _of_commit(place, Path(name)) for place in (old, new)]
    if file:
        file.write_text(json.dumps(found[1], indent=1, sort_keys=True) + "\n")
    sys.exit(bool(compare(*found)))


def _of_run(place: Path) -> dict[str, str]:
    stored: dict[str, str] = json.loads(place.read_text()) if place.is_file() else hashes(place)
    return stored


def _of_commit(commit: str, folder: Path) -> dict[str, str]:
    """Both commits work in one folder in turn, since paths stand in checkpoints and so in their hashes."""
    for part in ("code", "data"):
        shutil.rmtree(folder / part, ignore_errors=True)
    checkout, data = _check_out(commit, folder / "code"), folder / "data"
    data.mkdir()
    make_runs(checkout, data)
    return {f"{run}/{place}": value for run in RUNS for place, value in hashes(data / run).items()}


if __name__ == "__main__":
    main()
