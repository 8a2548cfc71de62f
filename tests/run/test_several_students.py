"""Rounds of several students: each labels what it never learned from, or all vote; all is real but the training."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from omegaconf import OmegaConf
from support.loudness_model import Confused, Listener
from support.run_project import made, write_listening_project
from support.tiny_run import ROOT, recipe

from xlpl_plugin.config import load_config
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.labelling.provenance import read_facts
from xlpl_plugin.labelling.records import read_labels
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.report.reading import read_trainings, read_tunings
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.run.state import StateFile
from xlpl_plugin.stage import Stage

SAID = ["aab|_b|", "b|_a|", "ab|b|", "a|_b|_ab|", "b|b|", "ab|_ab|", "a|a|b|", "b|ab|a|"]
HELD_OUT = ["ab|_b|", "b|a|", "a|b|_b|"]
YAML = """
out: {folder}/run
source: {{checkpoint: {folder}/source.pt}}
target: {{data: {folder}/data}}
decoder: {{lexicon: {folder}/lexicon.txt, lm: {folder}/lm.arpa, beam: 20}}
tuning: {{search: {{sample: 6, trials: 3, local_trials: 1, beams: [], blank_penalty: [0, 1], beam: 10}}}}
stop: {{enabled: false}}
student: {{config_dir: {folder}, config_name: student}}
filter: {{weight_by: ""}}
train_command: [{python}, {trainer}]
"""
FOLDED = Stage.round(2)


@pytest.fixture
def configure_real(
    tmp_path: Path, make_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., IterateConfig]:
    """A target of 8 recordings and 3 held out; of several students the second one is confused."""
    make_config({f"u{number:02}": path for number, path in enumerate((*SAID, *HELD_OUT))})

    def load(path: str | Path, **_: object) -> Listener:
        # with noise, so that no two alignments are as good as each other
        return Confused(noise=0.2) if Path(path).parent.name == "voter-2" else Listener()

    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", load)
    (tmp_path / "source.pt").write_text("source")
    file = write_listening_project(tmp_path, YAML)

    def build(*overrides: str) -> IterateConfig:
        return load_config(IterateConfig, file, overrides)

    return build


def texts(folder: Path) -> dict[str, str]:
    return {record.id: record.text for record in read_labels(folder / "labels.jsonl")}


def test_a_student_is_taught_the_stretches_of_sure_words(
    configure_real: Callable[..., IterateConfig], actions: dict[Any, Any], tmp_path: Path
) -> None:
    iterate(configure_real("rounds=1", "student.drop_unsure_words=0.3", "student.unsure_below=1"), actions=actions)
    layout = RunLayout(tmp_path / "run")
    labels = read_labels(layout.labels(Stage.round(0), "train") / "labels.jsonl")
    confidences = sorted(one for record in labels for one in record.word_confidences)
    least = confidences[int(0.3 * len(confidences))]
    sure = [word for record in labels for word, one in zip(record.words, record.word_confidences, strict=True)
            if one >= least]  # fmt: skip
    told = read_manifest(layout.data(Stage.round(1)), "train").utterances
    assert [word for row in told for word in (row.words or "").split()] == sure
    assert 0 < len(sure) < len(confidences)
    assert any(row.stretch for row in told)
    # what is measured and voted on stays whole
    assert not list(layout.labels(Stage.round(1), "train").glob("*.stretch"))
    assert not list(layout.data(Stage.round(1)).glob("valid.stretch"))


def taught(layout: RunLayout, number: int) -> set[str]:
    """Return the ids of what a student's training read, by its command."""
    home = layout.stage(FOLDED) if number == 1 else layout.voter(FOLDED, number)
    words = (home / "training/command.txt").read_text().split()
    data = next(word.partition("=")[2] for word in words if word.startswith("++task.data="))
    return set(read_manifest(data, "train").ids)


def test_folds_label_what_they_never_learned_from_and_the_next_round_learns_all(
    configure_real: Callable[..., IterateConfig], actions: dict[Any, Any]
) -> None:
    told = ("rounds=3", "changes=[{round: 2, folds: 2}, {round: 3, init: previous}]", "student.drop_unsure_words=0")
    config = configure_real(*told)
    iterate(config, actions=actions)
    layout = RunLayout(config.out)
    ids = [f"u{number:02}" for number in range(8)]
    joined = texts(layout.labels(FOLDED, "train"))
    assert list(joined) == ids
    for number in (1, 2):
        own = texts(layout.voter(FOLDED, number) / "labels/train")
        assert len(own) == 4
        assert taught(layout, number) == set(ids) - set(own)
        assert own == {name: joined[name] for name in own}
        # the second one hears other letters: the labels are of the student that is said to have made them
        same = {name for name, text in texts(layout.labels(Stage.round(1), "train")).items() if own.get(name) == text}
        assert same == (set(own) if number == 1 else set())
    facts, valid = read_facts(layout.labels(FOLDED, "train")), read_facts(layout.labels(FOLDED, "valid"))
    assert facts
    assert facts.voters
    assert [tally.won for tally in facts.voters.values()] == [4, 4]
    assert valid
    assert valid.voters
    assert sum(tally.won for tally in valid.voters.values()) == len(HELD_OUT)
    assert read_manifest(layout.data(Stage.round(3)), "train").ids == ids
    assert f"init_from={layout.model(FOLDED)}" in (layout.training(Stage.round(3)) / "command.txt").read_text()
    assert Measurement.read(layout.signals(FOLDED)).signals.utterances == 8
    assert Result.read(layout.result).finished
    names = ["round-1", "round-2", "round-2/voter-2", "round-3"]
    assert [training.name for training in read_trainings(layout)] == names
    assert list(read_tunings(layout)) == ["round-0", *names]


def test_a_team_votes(configure_real: Callable[..., IterateConfig], actions: dict[Any, Any]) -> None:
    config = configure_real("rounds=1", "student.team=3")
    iterate(config, actions=actions)
    layout, first = RunLayout(config.out), Stage.round(1)
    assert texts(layout.labels(first, "train")) == texts(layout.labels(Stage.round(0), "train"))  # two of three agree
    assert texts(layout.voter(first, 2) / "labels/train") != texts(layout.labels(first, "train"))
    commands = [layout.training(first), *(layout.voter(first, number) / "training" for number in (2, 3))]
    for seed, folder in enumerate(commands, start=1):
        command = (folder / "command.txt").read_text()
        assert f"++common.seed={seed}" in command
        assert f"++task.data={layout.data(first)}" in command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "stops"),
    [
        ("folds: 2", ("divide", "voter-2/train", "voter-1/label/train", "voter-2/emit/train", "label/train")),
        ("team: 2", ("voter-2/model", "voter-2/tune", "label/valid")),
    ],
)
def test_a_run_that_was_stopped_comes_to_the_same_bytes(
    configure_real: Callable[..., IterateConfig],
    actions: dict[Any, Any],
    fake_run: ModuleType,
    change: str,
    stops: tuple[str, ...],
) -> None:
    config = configure_real("rounds=3", f"changes=[{{round: 2, {change}}}]")
    layout = RunLayout(config.out)
    iterate(config, actions=actions)
    whole = made(layout)
    layout.run.rename(layout.run.with_name("whole"))
    for name in stops:
        with pytest.raises(KeyboardInterrupt):
            iterate(config, actions=fake_run.noting(actions, [], stop_after=f"round-2/{name}"))
    iterate(config, actions=actions)
    assert made(layout) == whole


@pytest.mark.slow
def test_real_trainings_killed_in_the_second_students_come_to_the_same_labels(tmp_path: Path) -> None:
    """Tones as speech; round 2 has folds, and its second student is killed while it trains."""
    verbs = recipe()
    verbs.write_corpus(tmp_path)
    file, run = tmp_path / "votes.yaml", tmp_path / "votes"
    changes = {"voters": [], "filter": {}, "changes": [{"round": 2, "folds": 2}], "continuous": {}}
    OmegaConf.save({**OmegaConf.load(file), **changes}, file)
    iterating = f"iterate {file} student.max_update=30"
    verbs.run_verbs(ROOT, tmp_path, [*verbs.preparing(tmp_path), iterating])
    whole = verbs.hashes(run)
    layout = RunLayout(run)
    labelled = [set(texts(layout.voter(FOLDED, number) / "labels/train")) for number in (1, 2)]
    assert [taught(layout, number) & labelled[number - 1] for number in (1, 2)] == [set(), set()]
    assert labelled[0] | labelled[1] == set(texts(layout.labels(FOLDED, "train")))

    again = [sys.executable, "-c", "from xlpl_plugin.cli import main; main()", *iterating.split(), "--from-round", "2"]
    saved = layout.voter(FOLDED, 2) / "training/checkpoints/checkpoint_last.pt"
    saved.unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(again, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as driver:
        while not saved.exists():
            assert driver.poll() is None
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
    assert not StateFile.read(layout.state).steps["round-2/voter-2/train"].done
    verbs.run_verbs(ROOT, tmp_path, [f"{iterating} --from-round 2"])
    assert verbs.hashes(run) == whole
