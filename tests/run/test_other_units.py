"""A run whose source AMs write other units than the lexicon, and than each other."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.loudness_model import LISTENERS, Confused, CyrillicListener
from support.run_project import made, write_listening_project

from xlpl_plugin.config import load_config
from xlpl_plugin.data.manifest import read_manifest
from xlpl_plugin.data.units import read_units
from xlpl_plugin.labelling.provenance import read_facts
from xlpl_plugin.labelling.records import read_labels
from xlpl_plugin.monitoring.signals import Measurement
from xlpl_plugin.run.config import IterateConfig
from xlpl_plugin.run.driver import iterate
from xlpl_plugin.run.layout import RunLayout
from xlpl_plugin.run.result import Result
from xlpl_plugin.stage import Stage
from xlpl_plugin.text.spelling.lexicon import read_lexicon
from xlpl_plugin.text.spelling.respelling import LEXICON_FILE

FIRST, SECOND = Stage.round(0), Stage.round(1)
SPELLED = {"Àb": "ab", "B": "b", "A": "a"}
YAML = """
out: {folder}/run
rounds: 1
source: {{checkpoint: {folder}/cyrillic.pt}}
voters: [{{checkpoint: {folder}/letters.pt}}, {{checkpoint: {folder}/pieces.pt}}]
target: {{data: {folder}/data}}
decoder: {{lexicon: {folder}/lexicon.txt, lm: {folder}/lm.arpa, beam: 20}}
tuning: {{search: {{sample: 6, trials: 3, local_trials: 1, beams: [], blank_penalty: [0, 1], beam: 10}}}}
stop: {{enabled: false}}
student: {{config_dir: {folder}, config_name: student}}
train_command: [{python}, {trainer}]
"""


class ConfusedListener(Confused, CyrillicListener):
    """Takes each letter for the other, so that other voters win."""


@pytest.fixture
def sentences() -> dict[str, list[str]]:
    draw = random.Random(1)
    return {f"u{number:02}": [draw.choice(list(SPELLED)) for _ in range(4)] for number in range(12)}


@pytest.fixture
def config(
    tmp_path: Path, make_config: Callable[..., Any], sentences: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> IterateConfig:
    """Three source AMs over the same audio, the first of no use; students hear well, in its units."""
    make_config({name: "".join("_".join(SPELLED[word]) + "_|_" for word in said) for name, said in sentences.items()})

    def load(path: str | Path, **_: object) -> Any:
        return {**LISTENERS, "cyrillic": ConfusedListener}.get(Path(path).stem, CyrillicListener)()

    monkeypatch.setattr("xlpl_plugin.models.acoustic.load_acoustic_model", load)
    for name in LISTENERS:
        (tmp_path / f"{name}.pt").write_text(name)
    return load_config(IterateConfig, write_listening_project(tmp_path, YAML), [])


def test_from_source_models_of_three_kinds_of_units_to_a_student_of_the_first(
    config: IterateConfig, actions: dict[Any, Any], sentences: dict[str, list[str]]
) -> None:
    iterate(config, actions=actions)
    layout = RunLayout(config.out)
    told = {name: sentences[name] for name in list(sentences)[:8]}
    for number, units in ((1, "а"), (2, "a"), (3, "\u2581ab")):
        own = read_labels(layout.stage(FIRST) / f"voter-{number}" / "labels/train/labels.jsonl")
        assert units in {unit for record in own for unit in record.units.split()}
        assert ({record.id: list(record.words) for record in own} == told) == (number > 1)
    # the vote, and so what a student learns from, is in the units of `source`
    for folder in (layout.labels(FIRST, "train"), layout.data(SECOND), layout.labels(SECOND, "train")):
        assert read_units(folder / "dict.ltr.txt") == CyrillicListener.units
        for row in read_manifest(folder, "train").utterances:
            assert (row.units or "").split() == [u for word in (row.words or "").split() for u in cyrillic(word)]
    facts = read_facts(layout.labels(FIRST, "train"))
    assert facts
    assert facts.voters
    assert [voter.won for voter in facts.voters.values()] == [0, 8, 0]
    assert {record.voter for record in read_labels(layout.labels(FIRST, "train") / "labels.jsonl")} == {2}
    signals = Measurement.read(layout.signals(FIRST)).signals
    assert (signals.nonword_share, signals.length_ratio, signals.change) == (0, 1, None)
    assert Measurement.read(layout.signals(SECOND)).signals.nonword_share == 0
    assert Result.read(layout.result).finished
    # each tuning keeps the lexicon that it used, if that is not the one given
    home = layout.stage(FIRST)
    assert read_lexicon(home / "tuning" / LEXICON_FILE).spellings["Àb"] == (tuple("аб|"),)
    assert not (home / "voter-2" / "tuning" / LEXICON_FILE).exists()
    assert read_lexicon(home / "voter-3" / "tuning" / LEXICON_FILE).spellings["Àb"] == (("\u2581ab",),)


def cyrillic(word: str) -> str:
    return SPELLED[word].replace("a", "а").replace("b", "б") + "|"


@pytest.mark.slow
def test_a_run_that_was_stopped_comes_to_the_same_bytes(
    config: IterateConfig, actions: dict[Any, Any], fake_run: ModuleType
) -> None:
    iterate(config, actions=actions, until_stage=FIRST)
    layout = RunLayout(config.out)
    whole = made(layout)
    layout.run.rename(layout.run.with_name("whole"))
    for name in ("round-0/voter-3/tune", "round-0/voter-3/label/train", "round-0/label/train"):
        with pytest.raises(KeyboardInterrupt):
            iterate(config, actions=fake_run.noting(actions, [], stop_after=name), until_stage=FIRST)
    iterate(config, actions=actions, until_stage=FIRST)
    assert made(layout) == whole
