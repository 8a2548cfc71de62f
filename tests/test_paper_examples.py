"""The examples at the paper's size: whole in small, on folders as they are downloaded; and their settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MakeFolder
from support.spoken_corpora import common_voice, ljspeech

from xlpl_plugin.config import load_config
from xlpl_plugin.data.corpora.synthetic import phrases
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.summary import BY_CORPUS, REPORT, PrepareReport
from xlpl_plugin.evaluation.scoring import Score, ScoreTable
from xlpl_plugin.files import read_lines
from xlpl_plugin.run.config import IterateConfig

EXAMPLES = Path(__file__).parent.parent / "examples"
PARTS = {"train": "train", "dev": "valid", "test": "test"}
TINY = ("model.dim=16", "model.layers=1", "model.heads=2", "model.ffn_dim=32", "common.cpu=true")


def sentences(language: str, folder: Path) -> tuple[Iterator[str], Path]:
    """Return sentences to speak, and a text of others, by the quickstart's grammar."""
    spoken, text = folder / f"{language}.spoken", folder / f"{language}.txt"
    grammar = EXAMPLES / "quickstart" / "grammar" / f"{language}.yaml"
    words = ["--spoken", "400", spoken, "--text", "2000", text]
    subprocess.run([sys.executable, EXAMPLES / "quickstart" / "phrases.py", grammar, *words], check=True)
    return iter(spoken.read_text().splitlines()), text


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of Common Voice with German and Spanish sources and Swahili, LJSpeech, and texts of both targets."""
    folder = tmp_path_factory.mktemp("corpora")
    release = folder / "cv-corpus-22.0-2025-06-20"
    common_voice(release / "de", "de", phrases("de", seed=1, words=60))
    for language in ("es", "sw"):
        common_voice(release / language, language, sentences(language, folder)[0])
    ljspeech(folder / "LJSpeech-1.1", sentences("en", folder)[0])
    return folder


def run_example(name: str, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run an example's script from the folder above the corpora, with settings in the environment."""
    places = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **places, **{key: str(value) for key, value in settings.items()}}
    script = ["bash", str(EXAMPLES / name / "run.sh")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=False)


def native_scores(file: Path) -> dict[str, Score]:
    return {score.system: score for score in ScoreTable.read(file).rows if score.script == "native"}


@pytest.mark.slow
def test_common_voice_from_its_folders_to_a_table(corpora: Path, tmp_path: Path) -> None:
    release = corpora / "cv-corpus-22.0-2025-06-20"
    settings = {"CORPUS": release, "SOURCES": "es de", "TARGET": "sw", "TEXT": corpora / "sw.txt", "WORK": tmp_path}
    done = run_example("common_voice", SETTING="small", **settings)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    target, references, run = tmp_path / "sw-unlabelled", tmp_path / "sw-references", tmp_path / "es+de-sw"
    assert PrepareReport.read(target / REPORT).divided_by == BY_CORPUS
    for theirs, ours in PARTS.items():
        rows = [line.split("\t")[1] for line in read_lines(release / "sw" / f"{theirs}.tsv")[1:]]
        assert sorted(Path(name).stem for name in read_manifest(target, ours, labels=False).ids) == sorted(
            Path(row).stem for row in rows
        )
    assert not [*target.glob("*.wrd"), *target.glob("*.ltr")]
    spoken = {one.words for part in PARTS.values() for one in read_manifest(references, part).utterances}
    text = {line for name in ("text", "heldout") for line in read_lines(tmp_path / "sw-text" / f"{name}.txt")}
    assert not spoken & text
    scores = native_scores(run / "score.json")
    assert len(scores) == 4
    assert scores["round 2 LM"].wer.value < scores["zero-shot LM"].wer.value
    assert not native_scores(run / "score-romanised.json")
    assert (run / "report.html").exists()
    assert (run / "source" / "labels" / "de" / "score.json").exists()


@pytest.mark.slow
def test_ljspeech_matched_and_with_a_topline(corpora: Path, tmp_path: Path) -> None:
    release = corpora / "cv-corpus-22.0-2025-06-20"
    settings = {"GERMAN": release / "de", "LJSPEECH": corpora / "LJSpeech-1.1", "TEXT": corpora / "en.txt"}
    settings |= {"WORK": tmp_path, "TARGET_OPTIONS": "--test 0.2 --valid 0.1"}
    switches = {"MATCHED": 1, "TOPLINE": 1, "OVERRIDES": "rounds=1 continuous.enabled=false"}
    done = run_example("ljspeech", SETTING="small", **settings, **switches)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    run, references = tmp_path / "de-en-matched", tmp_path / "en-references"
    matched = read_lines(tmp_path / "en-text" / "matched.txt")
    assert matched == sorted({one.words for one in read_manifest(references, "train").utterances})
    assert not {one.words for one in read_manifest(references, "test").utterances} & set(matched)
    assert "topline LM" in native_scores(run / "score.json")
    assert (run / "report.html").exists()


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> IterateConfig:
    """The setting at the paper's size, as run.sh gives it to `xlpl iterate` on 8 GPUs."""
    names = ("SOURCE_DATA", "TARGET_DATA", "TEXT_DATA", "LM", "XLPL_RUN")
    for name, value in {"WORKERS": "64", "UPDATE_FREQ": "2", **dict.fromkeys(names, str(tmp_path))}.items():
        monkeypatch.setenv(name, value)
    for name in ("lexicon.txt", "words/lm.bin", "letters/lm.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    keys = ["launcher.kind=torchrun", "launcher.processes=8", "source.training.mix=[]"]
    return load_config(IterateConfig, EXAMPLES / "paper" / "paper.yaml", keys)


def test_the_papers_size_is_set(paper: IterateConfig) -> None:
    assert paper.workers == 64
    for training in (paper.source.training, paper.student, paper.continuous):
        assert training.max_update > 0
    assert "model=paper" in paper.student.overrides
    assert "optimization.update_freq=[2]" in paper.source.training.overrides


@pytest.mark.slow
def test_the_papers_training_runs_and_goes_on(paper: IterateConfig, make_folder: MakeFolder, tmp_path: Path) -> None:
    """All overrides of the setting, but for the width, by Adagrad on batches of several parts."""
    data = make_folder(tmp_path / "data", {"train": ["ab cab", "bad dad", "cab", "dad"] * 2, "valid": ["ab"]})
    root = EXAMPLES.parent
    keys = (f"task.data={data}", f"checkpoint.save_dir={tmp_path}/am", f"common.user_dir={root}/xlpl_plugin")
    trainer = [str(Path(sys.executable).parent / "fairseq-hydra-train"), "--config-dir", str(root / "config")]
    for updates in (4, 6):
        length = (f"++optimization.max_update={updates}", f"++optimization.lr=[{paper.source.training.lr}]")
        command = [*trainer, "--config-name", "train", *keys, *paper.source.training.overrides, *TINY, *length]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        assert f'num_updates": "{updates}"' in done.stdout + done.stderr
    assert "Loaded checkpoint" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"GPUS": 3}, "1, 2, 4, 8 or 16"),
        ({"TEXT": ""}, "a file or folder of text of the target"),
        ({"SOURCES": "en sw"}, "sw in SOURCES: another language than the target"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, settings: dict[str, object], problem: str) -> None:
    given = {"CORPUS": tmp_path, "TEXT": tmp_path, "WORK": tmp_path / "work", **settings}
    done = run_example("common_voice", **given)
    assert done.returncode == 1
    assert problem in done.stderr
    assert not (tmp_path / "work").exists()
